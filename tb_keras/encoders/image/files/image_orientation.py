"""The orientation that a camera notes in an image file, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.encoders.image.files.header_bytes import number

_MOST_BYTES = 65536  # an EXIF block of a JPEG has no more
_ORIENTATION = 0x0112  # the tag of the first directory


def exif_orientation(image_bytes: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    r"""Reads the orientation from an EXIF block.

    Args:
        image_bytes: scalar string tensor, the content of a file.
        start: scalar int, the position of the block behind `Exif\0\0`, or -1 if there is none.

    Returns:
        A scalar int64 tensor in [1, 8], as EXIF numbers orientations; 1, upright, if the block has
        none.

    Examples:
        >>> entry = b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
        >>> block = b"MM\0*\0\0\0\x08\0\x01" + entry
        >>> int(exif_orientation(tf.constant(block), tf.constant(0)))
        6
    """
    length = tf.strings.length(image_bytes)
    at = tf.clip_by_value(tf.cast(start, tf.int32), 0, length)
    block = tf.strings.substr(image_bytes, at, tf.where(start < 0, 0, _MOST_BYTES))
    data = tf.cast(tf.io.decode_raw(block, tf.uint8), tf.int64)
    data = tf.concat([data, tf.zeros(16, tf.int64)], axis=0)  # what is cut off reads as 0
    size = tf.size(data, out_type=tf.int64)
    is_big = data[0] == ord("M")

    def read(digits):
        return number(tf.where(is_big, tf.reverse(digits, [-1]), digits))

    directory = tf.clip_by_value(read(tf.ensure_shape(data[4:8], (4,))), 0, size - 2)
    count = read(tf.ensure_shape(data[directory : directory + 2], (2,)))
    first = directory + 2
    count = tf.minimum(count, (size - first) // 12)
    entries = tf.reshape(data[first : first + 12 * count], (-1, 12))
    values = tf.boolean_mask(read(entries[:, 8:10]), read(entries[:, :2]) == _ORIENTATION)
    value = tf.concat([values, [1]], axis=0)[0]
    return tf.where((value >= 1) & (value <= 8), value, 1)


def upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors pixels `(height, width, channels)` from an orientation to the upright one.

    Examples:
        >>> (
        ...     upright(tf.constant([[[1], [2]]]), 6).numpy().ravel(),
        ...     upright(tf.ones((2, 3, 1)), 6).shape,
        ... )
        (array([1, 2], dtype=int32), TensorShape([3, 2, 1]))
    """
    orientation = tf.cast(orientation, tf.int64)

    def turned():
        result = tf.cond(orientation > 4, lambda: tf.transpose(pixels, (1, 0, 2)), lambda: pixels)
        is_mirrored = tf.reduce_any(orientation == [2, 3, 6, 7])
        result = tf.cond(is_mirrored, lambda: result[:, ::-1], lambda: result)
        is_flipped = tf.reduce_any(orientation == [3, 4, 7, 8])
        return tf.cond(is_flipped, lambda: result[::-1], lambda: result)

    return tf.cond(orientation == 1, lambda: pixels, turned)
