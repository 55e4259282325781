"""Notes about the pixels that stand before them in an image file, read inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.encoders.image.header_bytes import bytes_from, number
from tb_keras.encoders.image.image_headers import is_jpeg_file, is_png_file

_STEPS = 1024  # segments or chunks at most; a file with much metadata has tens
_PNG_CHUNKS = 8  # the place of the first chunk
_JPEG_SEGMENTS = 2
_EXIF = b"Exif\0\0"
_NONE = -1


# One trace for all that call it.
@tf.function(autograph=False, input_signature=[tf.TensorSpec((), tf.string)])
def pixel_notes(image_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the notes about a file's pixels that TensorFlow's decoders pass over.

    Args:
        image_bytes: scalar string tensor, the content of a file.

    Returns:
        A scalar bool tensor, whether a PNG without alpha names a transparent colour; and a scalar
        int32 tensor, the place of a JPEG's or PNG's EXIF block, -1 if it has none.

    Examples:
        >>> png = tf.io.encode_png(tf.zeros((2, 3, 1), tf.uint8))
        >>> [int(note) for note in pixel_notes(png)]
        [0, -1]
    """
    return tf.cond(
        is_png_file(image_bytes),
        lambda: _png_notes(image_bytes),
        lambda: (tf.constant(False), _jpeg_exif(image_bytes)),
    )


def _png_notes(image_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    def step(at, is_before, has_key, exif):
        kind = tf.strings.substr(image_bytes, tf.minimum(at + 4, length), 4)
        has_key |= kind == b"tRNS"
        exif = tf.where((kind == b"eXIf") & (exif == _NONE), at + 8, exif)
        size = number(bytes_from(image_bytes[None], at, 4)[0, ::-1])
        following = tf.cast(at, tf.int64) + 12 + size
        is_before = (kind != b"IDAT") & (following < tf.cast(length, tf.int64))
        following = tf.cast(tf.minimum(following, 2**31 - 1), tf.int32)
        return following, is_before, has_key, exif

    length = tf.strings.length(image_bytes)
    _, _, has_key, exif = tf.while_loop(
        lambda at, is_before, has_key, exif: is_before,
        step,
        (tf.constant(_PNG_CHUNKS), length > _PNG_CHUNKS, tf.constant(False), tf.constant(_NONE)),
        maximum_iterations=_STEPS,
    )
    # A palette's transparency is read with the palette.
    has_palette = bytes_from(image_bytes[None], _PNG_CHUNKS + 17, 1)[0, 0] == 3
    return has_key & ~has_palette, exif


def _jpeg_exif(image_bytes: tf.Tensor) -> tf.Tensor:
    def step(at, is_before, exif):
        window = bytes_from(image_bytes[None], at, 4)[0]
        is_marker, marker = window[0] == 0xFF, window[1]
        kind = tf.strings.substr(image_bytes, tf.minimum(at + 4, length), len(_EXIF))
        exif = tf.where(is_marker & (marker == 0xE1) & (kind == _EXIF), at + 10, exif)
        segment = tf.cast(2 + tf.maximum(number(window[3:1:-1]), 2), tf.int32)
        # Bytes that are no marker, or fill the space before one, are skipped one by one.
        following = at + tf.where(is_marker & (marker != 0xFF), segment, 1)
        is_end = is_marker & ((marker == 0xD9) | (marker == 0xDA))  # of all, or before the pixels
        return following, (exif == _NONE) & ~is_end & (following < length), exif

    length, none = tf.strings.length(image_bytes), tf.constant(_NONE)
    _, _, exif = tf.while_loop(
        lambda at, is_before, exif: is_before,
        step,
        (tf.constant(_JPEG_SEGMENTS), is_jpeg_file(image_bytes) & _names_exif(image_bytes), none),
        maximum_iterations=_STEPS,
    )
    return exif


def _names_exif(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether the block's name stands anywhere, which is quickly seen."""
    split = tf.raw_ops.StringSplitV2(input=image_bytes[None], sep=_EXIF, maxsplit=1)
    return tf.size(split.values) > 1
