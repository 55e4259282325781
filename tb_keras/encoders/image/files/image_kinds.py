"""The kinds of image files, told by their first bytes, inside the graph."""

from __future__ import annotations

import tensorflow as tf


def is_png_file(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns whether files, a string tensor of any shape, begin as a PNG does."""
    return _begins(image_bytes, b"\x89PNG\r\n\x1a\n")


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
