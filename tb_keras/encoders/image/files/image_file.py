"""Image files with what their headers say, inside the graph."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from tb_keras.encoders.image.files.header_bytes import bytes_from, number, signed
from tb_keras.encoders.image.files.image_kinds import (
    is_bmp_file,
    is_gif_file,
    is_jpeg_file,
    is_png_file,
)
from tb_keras.encoders.image.files.jpeg_header import read_jpeg_headers
from tb_keras.encoders.image.files.png_header import read_png_headers

_LARGEST_SIDE = 2**31 - 1  # the product of two such is an int64


class ImageFile(NamedTuple):
    """Image files of one shape, `()` or `(n,)`, with what their headers say.

    Attributes:
        content: string, the files.
        is_known: bool, whether a file begins as a PNG, JPEG, GIF or BMP does.
        size: int64 `(..., 2)`, the width and height in pixels that a file declares (a GIF's whole
            screen). Both are 0 if the header is damaged or declares a side of 0.
        exif: int32, the place of a JPEG's or PNG's EXIF block, -1 if it has none.
        has_color_key: bool, whether a PNG without a palette or alpha names a transparent colour.
        has_scans: bool, whether the decoder of a JPEG goes over the pixels once for each scan.
    """

    content: tf.Tensor
    is_known: tf.Tensor
    size: tf.Tensor
    exif: tf.Tensor
    has_color_key: tf.Tensor
    has_scans: tf.Tensor

    @classmethod
    def spec(cls, *shape: int | None) -> ImageFile:
        """Returns the `tf.TensorSpec` of each attribute."""
        types = (tf.string, tf.bool, tf.int64, tf.int32, tf.bool, tf.bool)
        specs = cls(*(tf.TensorSpec(shape, dtype) for dtype in types))
        return specs._replace(size=tf.TensorSpec((*shape, 2), tf.int64))

    def at(self, row: tf.Tensor | int) -> ImageFile:
        """Returns one file of several."""
        return ImageFile(*(values[row] for values in self))


def read_headers(image_bytes: tf.Tensor) -> ImageFile:
    """Reads the headers of image files. No pixel is decoded.

    Many files take hardly longer than one.

    Args:
        image_bytes: string tensor `(n,)`, the content of one file each.

    Returns:
        The `ImageFile` of `n` files.

    Examples:
        >>> png = tf.io.encode_png(tf.zeros((2, 3, 1), tf.uint8))
        >>> files = read_headers(tf.stack([png, b"text"]))
        >>> files.is_known.numpy().tolist(), files.size.numpy().tolist()
        ([True, False], [[3, 2], [0, 0]])
    """
    head = bytes_from(image_bytes, 0, 26)
    is_png, is_jpeg = is_png_file(image_bytes), is_jpeg_file(image_bytes)
    is_gif, is_bmp = is_gif_file(image_bytes), is_bmp_file(image_bytes)
    size, exif, has_scans = read_jpeg_headers(image_bytes, is_jpeg)
    png_size, png_exif, has_color_key = read_png_headers(image_bytes, is_png)
    gif_size = tf.stack([number(head[:, 6:8]), number(head[:, 8:10])], axis=1)
    # The height of a BMP stored from its top row on is negative.
    width, height = signed(number(head[:, 18:22])), tf.abs(signed(number(head[:, 22:26])))
    size = tf.where(is_png[:, None], png_size, size)
    size = tf.where(is_gif[:, None], gif_size, size)
    size = tf.where(is_bmp[:, None], tf.stack([width, height], axis=1), size)
    size = tf.where(tf.reduce_all(size > 0, axis=1, keepdims=True), size, 0)
    return ImageFile(
        image_bytes,
        is_png | is_jpeg | is_gif | is_bmp,
        tf.minimum(size, _LARGEST_SIDE),
        tf.where(is_png, png_exif, exif),
        has_color_key,
        has_scans,
    )


# One trace for all that call it.
@tf.function(autograph=False, input_signature=[tf.TensorSpec((), tf.string)])
def read_header(image_bytes: tf.Tensor) -> ImageFile:
    """Reads the header of one image file, a scalar string tensor, as `read_headers` does."""
    return read_headers(image_bytes[None]).at(0)._replace(content=image_bytes)
