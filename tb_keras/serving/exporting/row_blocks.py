"""Computing on the rows of a request block by block, inside the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf


def in_blocks(
    function: Callable[..., tf.Tensor],
    rows: Sequence[tf.Tensor],
    block_rows: int,
    answer_shape: Sequence[int] = (),
) -> tf.Tensor:
    """Applies a function to blocks of rows and joins its answers.

    Memory follows the size of a block, not the number of rows.

    Args:
        function: takes the position of a block's first row, int32, and a block of each of `rows`;
            returns float32 `(any, *answer_shape)`. A row's answers must depend on that row alone.
        rows: tensors `(n, ...)` of equal n, which may be 0.
        block_rows: how many rows the function takes at a time, positive.
        answer_shape: shape of one answer.

    Returns:
        The function's answers joined along the first axis, float32 `(any, *answer_shape)`.

    Examples:
        >>> rows = [tf.range(5.0), tf.range(5.0)]
        >>> in_blocks(lambda first, x, y: x * y, rows, block_rows=2).numpy()
        array([ 0.,  1.,  4.,  9., 16.], dtype=float32)
    """
    blocks = -(-tf.shape(rows[0])[0] // block_rows)
    answers = tf.TensorArray(
        tf.float32, blocks, element_shape=(None, *answer_shape), infer_shape=False
    )

    def step(index: tf.Tensor, answers: tf.TensorArray):
        first = index * block_rows
        answer = function(first, *(row[first : first + block_rows] for row in rows))
        return index + 1, answers.write(index, answer)

    _, answers = tf.while_loop(
        lambda index, _: index < blocks, step, (0, answers), parallel_iterations=1
    )
    return answers.concat()
