"""Checks of requests inside the graph, which a server answers with INVALID_ARGUMENT.

Each returns what it checked, and only that is to be used: a graph runs what does not wait for a
check beside it, and may fail there first, with a message that helps no one.
"""

from __future__ import annotations

import tensorflow as tf

from tb_keras.checks.rows import assert_rows

_MOST_AXES = 16  # of a wrong shape in a message
MOST_REGIONS = 1000  # a picture's crops are encoded at once
MOST_ANSWERS = 1000  # many queries with many answers each would fill a server's memory


def check_shape(values: tf.Tensor, spec: tf.TensorSpec) -> tf.Tensor:
    """Returns a tensor as it is; neither a server nor TensorFlow checks what a signature says.

    Raises:
        tf.errors.InvalidArgumentError: if it has another shape than the specification.

    Examples:
        >>> check_shape(tf.zeros((2, 1)), tf.TensorSpec((None, 3), name="features"))
        Traceback (most recent call last):
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ...
    """
    sizes = [-1 if size is None else size for size in spec.shape]
    # Without this the graph is sure of the shape, and leaves the check out.
    unsure = tf.raw_ops.PlaceholderWithDefault(input=values, shape=tf.TensorShape(None))
    given = tf.shape(unsure)
    rank = len(sizes)
    matches = (tf.concat([given, [-2] * rank], axis=0)[:rank] == sizes) | (tf.constant(sizes) < 0)
    shape = ", ".join("any" if size < 0 else str(size) for size in sizes)
    message = f"`{spec.name}` must have shape ({shape}{',' * (rank == 1)}). Received:"
    right = tf.reduce_all(matches, axis=0) & (tf.size(given) == rank)
    with tf.control_dependencies([_assert(right, message, given)]):
        return tf.identity(values)


def check_finite(values: tf.Tensor, name: str, wanted: str = "finite") -> tf.Tensor:
    """Returns float `(n, ...)` as it is.

    Args:
        values: what must be finite.
        name: of the input that is to blame if it is not.
        wanted: what that input must be.

    Raises:
        tf.errors.InvalidArgumentError: if rows hold NaN or infinities; it names their positions.

    Examples:
        >>> check_finite(tf.constant([[1.0], [float("nan")]]), "features")
        Traceback (most recent call last):
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ... at positions: [1]...
    """
    finite = tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, values.shape.rank)))
    with tf.control_dependencies([assert_rows(finite, f"`{name}` must be {wanted}.")]):
        return tf.identity(values)


def check_indices(indices: tf.Tensor, name: str) -> tf.Tensor:
    """Returns word indices `(n, words)` as they are; a negative one would count from the last word.

    Raises:
        tf.errors.InvalidArgumentError: if rows hold negative ones; it names their positions.

    Examples:
        >>> check_indices(tf.constant([[2, 0], [2, -1]]), "features")
        Traceback (most recent call last):
        tensorflow.python.framework.errors_impl.InvalidArgumentError: ... at positions: [1]...
    """
    good = tf.reduce_all(indices >= 0, axis=1)
    with tf.control_dependencies([assert_rows(good, f"`{name}` must not be negative.")]):
        return tf.identity(indices)


def check_equally_many(**rows: tf.Tensor) -> list[tf.Tensor]:
    """Returns the inputs of pairs as they are, in their order.

    Raises:
        tf.errors.InvalidArgumentError: if they have not as many rows; it names them and says how
            many came.

    Examples:
        >>> texts, k = check_equally_many(text=tf.constant(["a", "b"]), k=tf.constant([1, 2]))
    """
    sizes = tf.stack([tf.shape(tensor)[0] for tensor in rows.values()])
    message = f"{', '.join(f'`{name}`' for name in rows)} must be equally many. Received:"
    with tf.control_dependencies([_assert(tf.reduce_all(sizes == sizes[0]), message, sizes)]):
        return [tf.identity(tensor) for tensor in rows.values()]


def check_regions(boxes: tf.Tensor) -> tf.Tensor:
    """Returns boxes `(n, r, 4)` as they are.

    Raises:
        tf.errors.InvalidArgumentError: if r is more than `MOST_REGIONS`.
    """
    count = tf.shape(boxes)[1]
    message = f"`boxes` must be at most {MOST_REGIONS} a picture. Received:"
    with tf.control_dependencies([_assert(count <= MOST_REGIONS, message, count)]):
        return tf.identity(boxes)


def check_answers(k: tf.Tensor) -> tf.Tensor:
    """Returns how many answers queries ask for, int32 `(n,)`, as it is.

    Raises:
        tf.errors.InvalidArgumentError: if some ask for more than `MOST_ANSWERS`; it names them.
    """
    few = assert_rows(k <= MOST_ANSWERS, f"`k` must be at most {MOST_ANSWERS}.")
    with tf.control_dependencies([few]):
        return tf.identity(k)


def _assert(right: tf.Tensor, message: str, given: tf.Tensor) -> tf.Operation | None:
    # Not tf.debugging.Assert, which costs a branch of the graph at each call.
    return tf.raw_ops.Assert(condition=right, data=[message, given], summarize=_MOST_AXES)
