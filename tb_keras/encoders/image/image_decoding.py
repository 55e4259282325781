"""Encoded pictures to pixels, inside the graph."""

from __future__ import annotations

import keras
import tensorflow as tf

from tb_keras.encoders.image.gif_first_frame import first_frame
from tb_keras.encoders.image.picture_headers import is_bmp_file, is_gif_file, is_jpeg_file
from tb_keras.encoders.image.picture_rows import MAX_PIXELS, map_pictures

_MOST_SCANS = 100  # of a JPEG; a progressive one has some ten


def decode_picture(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes one PNG, JPEG, GIF (its first frame) or BMP to pixels of its own size.

    Grey pictures become RGB, and transparency is laid over white (a GIF's becomes black). CMYK
    becomes RGB without a colour profile, and of 16 bits a channel the upper 8 are taken. Pictures
    are taken as stored: an EXIF orientation is not applied, and a BMP with a palette gives its
    indices. Of an animated GIF no frame but the first is decoded, in its own size.

    Args:
        image_bytes: Scalar string tensor, the file's content.

    Returns:
        A float32 tensor `(height, width, 3)`, RGB in [0, 255].

    Raises:
        tf.errors.InvalidArgumentError: The bytes are no picture of a known format, or a damaged
            one, or a JPEG of more than 100 scans.

    Examples:
        >>> grey = tf.io.encode_png(tf.fill((20, 30, 1), tf.constant(7, tf.uint8)))
        >>> decode_picture(grey).shape
        TensorShape([20, 30, 3])
    """
    decoded = _decoded(image_bytes)
    shape = tf.concat([tf.shape(decoded)[:2], [3]], axis=0)
    return tf.cond(
        _has_alpha(decoded),
        lambda: _on_white(decoded, image_bytes),
        lambda: tf.broadcast_to(tf.cast(decoded, tf.float32), shape),
    )


def decode_image(
    image_bytes: tf.Tensor, height: int, width: int, crop_to_aspect_ratio: bool = True
) -> tf.Tensor:
    """Decodes one picture, as `decode_picture`, to pixels of a fixed size.

    The largest central part with the target's aspect ratio is resized by antialiased bilinear
    interpolation.

    Args:
        image_bytes: Scalar string tensor, the file's content.
        height: Height of the result in pixels, positive.
        width: Width of the result in pixels, positive.
        crop_to_aspect_ratio: If False, the whole picture is resized, whatever its aspect ratio.

    Returns:
        A float32 tensor `(height, width, 3)`, RGB in [0, 255].

    Raises:
        tf.errors.InvalidArgumentError: As in `decode_picture`.

    Examples:
        >>> grey = tf.io.encode_png(tf.fill((20, 30, 1), tf.constant(7, tf.uint8)))
        >>> pixels = decode_image(grey, 4, 4)
        >>> pixels.shape, float(pixels[0, 0, 0])
        (TensorShape([4, 4, 3]), 7.0)
    """

    def resized(pixels):
        if crop_to_aspect_ratio:
            pixels = _central_part(pixels, height, width)
        return tf.image.resize(pixels, (height, width), antialias=True)

    decoded = _decoded(image_bytes)
    # As float32 (keras.ops.image.resize turns uint8 back into itself, rounded) a large picture
    # takes four times the memory: only where there is transparency.
    pixels = tf.cond(
        _has_alpha(decoded),
        lambda: resized(_on_white(decoded, image_bytes)),
        lambda: tf.broadcast_to(resized(decoded), (height, width, 3)),
    )
    return tf.clip_by_value(tf.ensure_shape(pixels, (height, width, 3)), 0.0, 255.0)


def _decoded(image_bytes: tf.Tensor) -> tf.Tensor:
    """uint8 `(height, width, channels)`: grey, grey and alpha, RGB, or RGB and alpha."""
    image_bytes = tf.convert_to_tensor(image_bytes)
    image_bytes = tf.cond(
        is_gif_file(image_bytes),
        lambda: first_frame(image_bytes, MAX_PIXELS),
        lambda: _of_few_scans(image_bytes),
    )
    return tf.io.decode_image(image_bytes, channels=0, expand_animations=False)


def _of_few_scans(image_bytes: tf.Tensor) -> tf.Tensor:
    """The file, or no more than its first bytes if it is a JPEG of more scans than any should have.

    Ten bytes can hold a scan, and each goes over all pixels: minutes of work in a file of 1 MB.
    """

    def has_many():
        split = tf.raw_ops.StringSplitV2(
            input=image_bytes[None], sep=b"\xff\xda", maxsplit=_MOST_SCANS + 1
        )
        return tf.size(split.values) > _MOST_SCANS + 1

    too_many = tf.cond(is_jpeg_file(image_bytes), has_many, lambda: tf.constant(False))
    length = tf.where(too_many, 3, tf.strings.length(image_bytes))
    return tf.strings.substr(image_bytes, 0, length)


def _central_part(pixels: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """The largest part with the aspect ratio of `height` and `width`."""
    own_height, own_width = tf.unstack(tf.shape(pixels, out_type=tf.int64)[:2])
    part_height = tf.clip_by_value(own_width * height // width, 1, own_height)
    part_width = tf.clip_by_value(own_height * width // height, 1, own_width)
    top, left = (own_height - part_height) // 2, (own_width - part_width) // 2
    return pixels[top : top + part_height, left : left + part_width]


def _has_alpha(decoded: tf.Tensor) -> tf.Tensor:
    return tf.shape(decoded)[2] % 2 == 0


def _on_white(decoded: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    """Lays pixels with alpha, the last of their 2 or 4 channels, over white: float32 RGB."""
    alpha = tf.cast(decoded[:, :, -1:], tf.float32)
    # Most 32-bit BMPs leave the fourth byte unused, as zero.
    alpha = tf.where(is_bmp_file(image_bytes) & (tf.reduce_max(alpha) == 0.0), 255.0, alpha)
    shape = tf.concat([tf.shape(decoded)[:2], [3]], axis=0)
    color = tf.broadcast_to(tf.cast(decoded[:, :, :-1], tf.float32), shape)
    return 255.0 + (color - 255.0) * (alpha / 255.0)


@keras.saving.register_keras_serializable(package="tb_keras")
class DecodeImages(keras.layers.Layer):
    """Decodes a batch of pictures, each by `decode_image`.

    Made of TensorFlow operations alone, so it can be exported and served. Its output is float32
    under every dtype policy.

    What comes of the kinds of pictures is said at `decode_picture`. What cannot be decoded is
    refused with its positions in the batch, before any pixel takes memory if it is too large. A
    picture of 50 million pixels takes 0.3 GB while it is decoded, 1.4 GB if it has transparency;
    smaller ones are decoded several at a time, of no more pixels together.

    Args:
        height: Height of the result in pixels.
        width: Width of the result in pixels.
        crop_to_aspect_ratio: As in `decode_image`.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: String tensor `(batch,)`, the content of one picture file each; `batch` may be 0.

    Returns:
        A float32 tensor `(batch, height, width, 3)`, RGB in [0, 255].

    Raises:
        ValueError: `height` or `width` is no positive integer, or the inputs are not of rank 1.
        tf.errors.InvalidArgumentError: A file is no PNG, JPEG, GIF or BMP, has more than 50 million
            pixels, or cannot be decoded; as `map_pictures` says.

    Examples:
        >>> png = tf.io.encode_png(tf.zeros((5, 5, 3), tf.uint8))
        >>> DecodeImages(8, 6)(tf.stack([png, png])).shape
        TensorShape([2, 8, 6, 3])
    """

    def __init__(self, height: int, width: int, crop_to_aspect_ratio: bool = True, **kwargs):
        super().__init__(**kwargs)
        for name, value in (("height", height), ("width", width)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"`{name}` must be a positive integer. Received: {name}={value!r}")
        self.height = height
        self.width = width
        self.crop_to_aspect_ratio = crop_to_aspect_ratio

    def decode(self, image_bytes: tf.Tensor) -> tf.Tensor:
        """Decodes one picture, a scalar string tensor, to pixels `(height, width, 3)`."""
        return decode_image(image_bytes, self.height, self.width, self.crop_to_aspect_ratio)

    def call(self, inputs):
        pixels = tf.TensorSpec((self.height, self.width, 3), tf.float32)
        return map_pictures(self.decode, inputs, specs=pixels)

    def compute_output_spec(self, inputs):
        if len(inputs.shape) != 1:
            raise ValueError(
                "`inputs` must be a string tensor of shape (batch,). "
                f"Received: shape={tuple(inputs.shape)}"
            )
        return keras.KerasTensor((inputs.shape[0], self.height, self.width, 3), "float32")

    def get_config(self):
        own = ("height", "width", "crop_to_aspect_ratio")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
