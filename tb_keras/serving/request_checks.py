"""Checks of requests inside the graph, which a server answers with INVALID_ARGUMENT."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.encoders.row_checks import assert_rows

MOST_REGIONS = 1000  # a picture's crops are encoded at once


def check_finite(values: tf.Tensor, name: str) -> tf.Tensor:
    """Returns float `(n, ...)` as it is.

    Raises:
        tf.errors.InvalidArgumentError: if rows hold NaN or infinities; it names their positions.

    Example:

    >>> check_finite(tf.constant([[1.0], [float("nan")]]), "features")
    Traceback (most recent call last):
    tensorflow.python.framework.errors_impl.InvalidArgumentError: ... at positions: [1]...
    """
    finite = tf.reduce_all(tf.math.is_finite(values), axis=list(range(1, values.shape.rank)))
    with tf.control_dependencies([assert_rows(finite, f"`{name}` must be finite.")]):
        return tf.identity(values)


def check_equally_many(**rows: tf.Tensor) -> None:
    """Checks that the inputs of pairs have as many rows.

    Raises:
        tf.errors.InvalidArgumentError: if they have not; it names them and says how many came.

    Example:

    >>> check_equally_many(text=tf.constant(["a", "b"]), k=tf.constant([1, 2]))
    """
    sizes = tf.stack([tf.shape(tensor)[0] for tensor in rows.values()])
    message = f"{', '.join(f'`{name}`' for name in rows)} must be equally many. Received:"
    tf.debugging.Assert(tf.reduce_all(sizes == sizes[0]), [message, sizes])


def check_regions(boxes: tf.Tensor) -> None:
    """Checks boxes `(n, r, 4)`.

    Raises:
        tf.errors.InvalidArgumentError: if r is more than `MOST_REGIONS`.
    """
    count = tf.shape(boxes)[1]
    message = f"`boxes` must be at most {MOST_REGIONS} a picture. Received:"
    tf.debugging.Assert(count <= MOST_REGIONS, [message, count])
