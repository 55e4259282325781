"""Formats and sizes of image files, read from their first bytes, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tb_keras.encoders.image.header_bytes import bytes_from, number, signed

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER = b"\0\0\0\rIHDR"  # must come first, or a reader could find another size later
_JPEG_STEPS = 1024  # segments before the size at most; a file with much metadata has tens
_LARGEST_SIDE = 2**31 - 1  # the product of two such is an int64


def declared_sizes(image_bytes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Tells PNG, JPEG, GIF and BMP files from others, and reads the sizes that they declare.

    No pixel is decoded. The size of a JPEG is found by going from segment to segment, because
    `tf.io.extract_jpeg_shape` would decode all of a progressive one.

    Args:
        image_bytes: string tensor `(n,)`, the content of one file each.

    Returns:
        A bool tensor `(n,)`, whether the file begins as one of the four formats, and an int64
        tensor `(n, 2)` of width and height in pixels (of a GIF's whole screen). Both are 0 if the
        header is damaged or declares a side of 0.

    Examples:
        >>> png = tf.io.encode_png(tf.zeros((2, 3, 1), tf.uint8))
        >>> known, sizes = declared_sizes(tf.stack([png, b"text"]))
        >>> known.numpy().tolist(), sizes.numpy().tolist()
        ([True, False], [[3, 2], [0, 0]])
    """
    head = bytes_from(image_bytes, 0, 26)
    sizes = {
        "png": (number(head[:, 19:15:-1]), number(head[:, 23:19:-1])),
        "gif": (number(head[:, 6:8]), number(head[:, 8:10])),
        # The height of a BMP stored from its top row on is negative.
        "bmp": (signed(number(head[:, 18:22])), tf.abs(signed(number(head[:, 22:26])))),
    }
    is_png = is_png_file(image_bytes)
    is_jpeg = is_jpeg_file(image_bytes)
    is_gif = is_gif_file(image_bytes)
    is_bmp = is_bmp_file(image_bytes)
    has_size = {
        "png": is_png & (tf.strings.substr(image_bytes, 0, 16) == _PNG + _PNG_HEADER),
        "gif": is_gif,
        "bmp": is_bmp,
    }
    found = _jpeg_sizes(image_bytes, is_jpeg)
    for name, size in sizes.items():
        found = tf.where(has_size[name][:, None], tf.stack(size, axis=1), found)
    found = tf.where(tf.reduce_all(found > 0, axis=1, keepdims=True), found, 0)
    return is_png | is_jpeg | is_gif | is_bmp, tf.minimum(found, _LARGEST_SIDE)


def is_png_file(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether files, a string tensor of any shape, begin as a PNG does."""
    return _begins(image_bytes, _PNG)


def is_jpeg_file(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether files, a string tensor of any shape, begin as a JPEG does."""
    return _begins(image_bytes, b"\xff\xd8\xff")


def is_gif_file(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether files, a string tensor of any shape, begin as a GIF does."""
    return _begins(image_bytes, b"GIF8")


def is_bmp_file(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether files, a string tensor of any shape, begin as a BMP does."""
    return _begins(image_bytes, b"BM")


def _begins(image_bytes: tf.Tensor, signature: bytes) -> tf.Tensor:
    return tf.strings.substr(image_bytes, 0, len(signature)) == signature


def _jpeg_sizes(image_bytes: tf.Tensor, is_jpeg: tf.Tensor) -> tf.Tensor:
    """Returns width and height, int64 `(n, 2)`, where `is_jpeg`, and 0 elsewhere.

    It steps as libjpeg does: bytes before a segment that are no marker are skipped one by one.
    """
    none, one = tf.constant(-1, tf.int64), tf.constant(1, tf.int64)

    def step(at, sizes, pending):
        window = bytes_from(image_bytes, at, 9)
        marker = tf.where(window[:, 0] == 0xFF, window[:, 1], none)
        # SOF0 to SOF15 without DHT (C4), JPG (C8) and DAC (CC).
        is_frame = (marker >= 0xC0) & (marker <= 0xCF) & (marker % 4 != 0) | (marker == 0xC0)
        # The image's start again, its end, or pixels before any size.
        is_wrong = (marker >= 0xD8) & (marker <= 0xDA)
        alone = (marker == 0x00) | (marker == 0x01) | (marker >= 0xD0) & (marker <= 0xD7)
        segment = 2 + tf.maximum(number(window[:, 3:1:-1]), 2)
        segment = tf.where(alone, 2 * one, segment)
        advance = tf.where((marker == none) | (marker == 0xFF), one, segment)
        size = tf.stack([number(window[:, 8:6:-1]), number(window[:, 6:4:-1])], axis=1)
        sizes = tf.where((pending & is_frame)[:, None], size, sizes)
        pending &= ~is_frame & ~is_wrong & (at < tf.strings.length(image_bytes))
        return tf.where(pending, at + tf.cast(advance, tf.int32), at), sizes, pending

    start = 2 * tf.ones_like(tf.strings.length(image_bytes))
    nothing = tf.zeros((tf.size(start), 2), tf.int64)
    _, sizes, _ = tf.while_loop(
        lambda at, sizes, pending: tf.reduce_any(pending),
        step,
        (start, tf.ensure_shape(nothing, (image_bytes.shape[0], 2)), is_jpeg),
        maximum_iterations=_JPEG_STEPS,
    )
    return sizes
