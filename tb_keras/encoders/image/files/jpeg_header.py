"""The header of JPEG files: their segments before the pixels, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.encoders.image.files.header_bytes import bytes_from, number

_STEPS = 1024  # segments at most; a file with much metadata has tens
_FIRST_SEGMENT = 2
_EXIF = int.from_bytes(b"Exif\0\0", "little")
_NONE = -1
_MANY = 256  # more than the components of any scan


def read_jpeg_headers(
    image_bytes: tf.Tensor, is_jpeg: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Reads the segments of JPEG files up to their pixels.

    It goes from segment to segment, as libjpeg does: bytes before a segment that are no marker are
    skipped one by one. (`tf.io.extract_jpeg_shape` would decode all of a progressive file.)

    Args:
        image_bytes: string tensor `(n,)`, the content of one file each.
        is_jpeg: bool `(n,)`, which of them to read.

    Returns:
        Int64 `(n, 2)`, width and height, 0 where none is found; int32 `(n,)`, the place of the EXIF
        block, -1 where there is none; and bool `(n,)`, whether the pixels may come in several scans
        of the whole image.
    """

    def step(at, pending, size, components, exif, is_one_scan):
        window = bytes_from(image_bytes, at, 10)
        marker = tf.where(window[:, 0] == 0xFF, window[:, 1], _NONE)
        # SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
        is_frame = (marker >= 0xC0) & (marker <= 0xCF) & (marker % 4 != 0) | (marker == 0xC0)
        is_frame &= pending & (components == _NONE)
        size = tf.where(
            is_frame[:, None],
            tf.stack([number(window[:, 8:6:-1]), number(window[:, 6:4:-1])], axis=1),
            size,
        )
        components = tf.where(is_frame, tf.where(marker <= 0xC1, window[:, 9], _MANY), components)
        is_exif = pending & (marker == 0xE1) & (number(window[:, 4:]) == _EXIF) & (exif == _NONE)
        exif = tf.where(is_exif, at + 10, exif)
        # libjpeg goes over the pixels once if the first scan of a sequential file has all of them.
        is_one_scan |= pending & (marker == 0xDA) & (window[:, 4] == components)
        # The image's start again, its end, or the pixels.
        is_end = (marker >= 0xD8) & (marker <= 0xDA)
        alone = (marker == 0x00) | (marker == 0x01) | (marker >= 0xD0) & (marker <= 0xD7)
        segment = tf.where(alone, two, 2 + tf.maximum(number(window[:, 3:1:-1]), 2))
        advance = tf.where((marker == _NONE) | (marker == 0xFF), one, segment)
        pending &= ~is_end & (at < tf.strings.length(image_bytes))
        at = tf.where(pending, at + tf.cast(advance, tf.int32), at)
        return at, pending, size, components, exif, is_one_scan

    one, two = tf.constant(1, tf.int64), tf.constant(2, tf.int64)
    start = _FIRST_SEGMENT * tf.ones_like(tf.strings.length(image_bytes))
    nothing = tf.ensure_shape(tf.zeros((tf.size(start), 2), tf.int64), (image_bytes.shape[0], 2))
    none = _NONE * tf.ones_like(start)
    _, _, size, _, exif, is_one_scan = tf.while_loop(
        lambda at, pending, *found: tf.reduce_any(pending),
        step,
        (start, is_jpeg, nothing, tf.cast(none, tf.int64), none, tf.zeros_like(is_jpeg)),
        maximum_iterations=_STEPS,
    )
    return size, exif, is_jpeg & ~is_one_scan
