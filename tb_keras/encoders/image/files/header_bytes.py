"""Bytes of image files and the numbers that they hold, inside the graph."""

from __future__ import annotations

import tensorflow as tf


def bytes_from(image_bytes: tf.Tensor, start: tf.Tensor | int, count: int) -> tf.Tensor:
    """Returns the bytes of each file from a place on, int64 `(n, count)`, with zeros past the end.

    Args:
        image_bytes: string tensor `(n,)`, the content of one file each.
        start: int32 `(n,)`, or one place for all files.
        count: how many bytes.

    Examples:
        >>> bytes_from(tf.constant([b"ab"]), 1, 2).numpy().tolist()
        [[98, 0]]
    """
    start = tf.minimum(tf.strings.length(image_bytes), start)
    some = tf.strings.substr(image_bytes, start, tf.fill(tf.shape(start), count))
    return tf.cast(tf.io.decode_raw(some, tf.uint8, fixed_length=count), tf.int64)


def number(digits: tf.Tensor) -> tf.Tensor:
    """Returns the numbers whose bytes are the last axis, the least first.

    Examples:
        >>> int(number(tf.constant([1, 2], tf.int64)))
        513
    """
    weights = [256**place for place in range(digits.shape[-1])]
    return tf.reduce_sum(digits * tf.constant(weights, tf.int64), axis=-1)


def signed(value: tf.Tensor) -> tf.Tensor:
    """Returns an int64 of 32 bits without a sign as one with it."""
    return tf.where(value < 2**31, value, value - 2**32)
