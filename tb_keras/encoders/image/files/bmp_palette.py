"""BMP files with a palette, which TensorFlow does not read, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.encoders.image.files.header_bytes import bytes_from, number, signed

_FILE_HEADER = 14  # bytes before the header that has the size
_HEADERS = (40, 52, 56, 64, 108, 124)  # their lengths, from Windows 3 on
_PALETTE_BITS = (1, 4, 8)
_BGRA = b"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00"  # masks of red, green and blue


def has_palette(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether a BMP file, a scalar string tensor, has a palette."""
    bits = _number(image_bytes, 28, 2)
    return tf.reduce_any(bits == tf.constant(_PALETTE_BITS, tf.int64))


def is_plain_bmp(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether the pixels of a BMP file, a scalar string tensor, are stored in a known way.

    That is uncompressed, with a palette or as BGR or BGRA. Others would give wrong pixels.
    """
    is_header = tf.reduce_any(_number(image_bytes, 14, 4) == tf.constant(_HEADERS, tf.int64))
    compression, bits = _number(image_bytes, 30, 4), _number(image_bytes, 28, 2)
    known = tf.constant([*_PALETTE_BITS, 24, 32], tf.int64)
    masks = tf.strings.substr(image_bytes, tf.minimum(tf.strings.length(image_bytes), 54), 12)
    in_order = (compression == 3) & (bits == 32) & (masks == _BGRA)
    return is_header & (((compression == 0) & tf.reduce_any(bits == known)) | in_order)


def decode_palette_bmp(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes a BMP with a palette, a scalar string tensor, to uint8 `(height, width, 3)`."""
    start, header = _number(image_bytes, 10, 4), _number(image_bytes, 14, 4)
    width, height = (signed(_number(image_bytes, at, 4)) for at in (18, 22))
    bits = _number(image_bytes, 28, 2)
    rows, row_bytes = tf.abs(height), (width * bits + 31) // 32 * 4  # rows end at whole words
    data = tf.io.decode_raw(_part(image_bytes, start, rows * row_bytes), tf.uint8)
    per_byte = 8 // bits
    shifts = tf.cast(tf.range(per_byte - 1, -1, -1, tf.int64) * bits, tf.uint8)
    data = tf.bitwise.right_shift(tf.reshape(data, (rows, row_bytes, 1)), shifts)
    indices = tf.bitwise.bitwise_and(data, tf.cast(2**bits - 1, tf.uint8))
    indices = tf.reshape(indices, (rows, row_bytes * per_byte))[:, :width]
    # The last row is stored first, unless the height is negative.
    indices = tf.cond(height > 0, lambda: indices[::-1], lambda: indices)
    used = _number(image_bytes, 46, 4)
    count = tf.where(used == 0, tf.constant(256, tf.int64), tf.minimum(used, 256))
    palette = tf.io.decode_raw(_part(image_bytes, _FILE_HEADER + header, 4 * count), tf.uint8)
    colors = tf.reshape(palette[: tf.size(palette) // 4 * 4], (-1, 4))[:, 2::-1]
    colors = tf.concat([colors, tf.zeros((256, 3), tf.uint8)], axis=0)
    return tf.gather(colors, tf.cast(indices, tf.int32))


def _part(image_bytes: tf.Tensor, start: tf.Tensor, length: tf.Tensor) -> tf.Tensor:
    whole = tf.strings.length(image_bytes)
    start, length = (tf.cast(tf.minimum(value, 2**31 - 1), tf.int32) for value in (start, length))
    return tf.strings.substr(image_bytes, tf.minimum(start, whole), length)


def _number(image_bytes: tf.Tensor, start: int, count: int) -> tf.Tensor:
    """Returns the number whose bytes begin at a place, the least first; 0 past the end."""
    return number(bytes_from(image_bytes[None], start, count))[0]
