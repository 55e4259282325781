"""The header of PNG files: their chunks before the pixels, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.encoders.image.files.header_bytes import bytes_from, number

_STEPS = 1024  # chunks at most; a file with much metadata has tens
_FIRST_CHUNK = 8
# Must come first, or a reader could find another size later.
_SIZE_CHUNK = int.from_bytes(b"\0\0\0\rIHDR", "big")
_IDAT, _TRNS, _EXIF = (int.from_bytes(kind, "big") for kind in (b"IDAT", b"tRNS", b"eXIf"))
_PALETTE = 3  # the colour type
_NONE = -1


def read_png_headers(
    image_bytes: tf.Tensor, is_png: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads the chunks of PNG files up to their pixels.

    Args:
        image_bytes: string tensor `(n,)`, the content of one file each.
        is_png: bool `(n,)`, which of them to read.

    Returns:
        Int64 `(n, 2)`, width and height, 0 where the first chunk does not declare them; int32
        `(n,)`, the place of the EXIF block, -1 where there is none; and bool `(n,)`, whether a file
        without a palette names a transparent colour.
    """

    def step(at, pending, exif, has_key):
        window = bytes_from(image_bytes, at, 8)
        kind = number(window[:, 7:3:-1])
        has_key |= pending & (kind == _TRNS)
        exif = tf.where(pending & (kind == _EXIF) & (exif == _NONE), at + 8, exif)
        following = tf.cast(at, tf.int64) + 12 + number(window[:, 3::-1])
        pending &= (kind != _IDAT) & (following < length)
        at = tf.where(pending, tf.cast(tf.where(pending, following, 0), tf.int32), at)
        return at, pending, exif, has_key

    length = tf.cast(tf.strings.length(image_bytes), tf.int64)
    start = _FIRST_CHUNK * tf.ones_like(tf.strings.length(image_bytes))
    _, _, exif, has_key = tf.while_loop(
        lambda at, pending, *found: tf.reduce_any(pending),
        step,
        (start, is_png & (length > _FIRST_CHUNK), _NONE * tf.ones_like(start), is_png & False),
        maximum_iterations=_STEPS,
    )
    head = bytes_from(image_bytes, _FIRST_CHUNK, 18)
    declares = is_png & (number(head[:, 7::-1]) == _SIZE_CHUNK)
    size = tf.stack([number(head[:, 11:7:-1]), number(head[:, 15:11:-1])], axis=1)
    # A palette's transparency is read with the palette.
    return tf.where(declares[:, None], size, 0), exif, has_key & (head[:, 17] != _PALETTE)
