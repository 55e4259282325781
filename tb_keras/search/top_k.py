"""Exact search for the highest dot products inside a TensorFlow graph.

`tb_keras.search.index` does the same in NumPy, which is faster there and reads memory maps. A graph
needs core operations only, so that a server can run it.
"""

from __future__ import annotations

import tensorflow as tf

from tb_keras.checks.rows import assert_rows

_BLOCK_VALUES = 2**24  # float32 values that a block may hold: 64 MiB


def top_k(
    queries: tf.Tensor,
    embeddings: tf.Tensor | tf.Variable,
    k: tf.Tensor,
    block_rows: int = 8192,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the rows of highest dot product for each query.

    It takes any number of queries, so it can be part of a signature whose requests a server
    batches. The answers to a query do not depend on the other queries, but the columns of padding
    do, and so may the last bits of a float32 product, which libraries sum in different orders.

    Args:
        queries: float32 `(q, dim)`.
        embeddings: finite float32, float16 or bfloat16 `(n, dim)`. Half precision is cast to
            float32 one block at a time. A variable is read in place.
        k: int32 `(q,)`, how many rows each query asks for, at least 1. More than n means n.
        block_rows: positive int, how many embeddings to take at a time. There are fewer where the
            scores of a block, or the block in float32, would take more than 64 MiB.

    Returns:
        float32 scores and int32 rows, both `(q, w)`, where w is the highest k, at most n, and 0
        without queries. They are sorted best first, and ties go to the lower row. Where a query
        asks for fewer, score 0 and row -1 follow.

    Raises:
        tf.errors.InvalidArgumentError: if some of `k` are below 1, or some of `queries` have no
            norm whose square is finite in float32, with their positions; or if `queries` and `k`
            are not equally many.

    Examples:
        >>> scores, rows = top_k(tf.constant([[0.1, 0.9, 0.4], [3.0, 2.0, 1.0]]), tf.eye(3), [1, 2])
        >>> scores.numpy()
        array([[0.9, 0. ],
               [3. , 2. ]], dtype=float32)
        >>> rows.numpy()
        array([[ 1, -1],
               [ 0,  1]], dtype=int32)
    """
    k = tf.convert_to_tensor(k, tf.int32)
    queries = tf.convert_to_tensor(queries, tf.float32)
    with tf.control_dependencies(_checks(queries, k)):
        queries = tf.identity(queries)
    embeddings = tf.convert_to_tensor(embeddings)
    count, (size, dim) = tf.shape(queries)[0], tf.unstack(tf.shape(embeddings))
    width = tf.minimum(tf.reduce_max(tf.concat([k, [0]], axis=0)), size)
    values = tf.maximum(1, tf.maximum(count, dim))
    # Each merge sorts `width` columns, so a large width must have few merges.
    step = tf.maximum(tf.clip_by_value(_BLOCK_VALUES // values, 1, block_rows), width // 8)

    def merge(first: tf.Tensor, scores: tf.Tensor, rows: tf.Tensor):
        part = tf.cast(embeddings[first : first + step], tf.float32)
        products = tf.matmul(queries, part, transpose_b=True)
        found, columns = tf.math.top_k(products, tf.minimum(width, tf.shape(part)[0]))
        # In both, equal scores are sorted by row, and all rows of the first are lower.
        scores = tf.concat([scores, found], axis=1)
        rows = tf.concat([rows, first + columns], axis=1)
        scores, kept = tf.math.top_k(scores, tf.minimum(width, tf.shape(scores)[1]))
        return first + step, scores, tf.gather(rows, kept, batch_dims=1)

    _, scores, rows = tf.while_loop(
        lambda first, scores, rows: first < size,
        merge,
        (0, tf.zeros((count, 0)), tf.zeros((count, 0), tf.int32)),
        shape_invariants=(tf.TensorShape(()), *[tf.TensorShape((queries.shape[0], None))] * 2),
        parallel_iterations=1,  # more would hold as many blocks at once
    )
    own = tf.range(width) < k[:, None]
    return tf.where(own, scores, 0.0), tf.where(own, rows, -1)


def _checks(queries: tf.Tensor, k: tf.Tensor) -> list:
    """Returns assertions that keep products with finite embeddings from being NaN.

    If the squares of a query and those of an embedding have finite sums, so has every part of their
    dot product (Cauchy-Schwarz).
    """
    squares = tf.reduce_sum(tf.square(queries), axis=1)
    return [
        tf.debugging.assert_equal(
            tf.shape(k), tf.shape(queries)[:1], "`queries` and `k` must be equally many."
        ),
        assert_rows(k >= 1, "`k` must be at least 1."),
        assert_rows(tf.math.is_finite(squares), "`queries` must have finite norms."),
    ]
