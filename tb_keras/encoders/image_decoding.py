"""Encoded pictures to pixels, inside the graph."""

from __future__ import annotations

import keras
import tensorflow as tf


def decode_picture(image_bytes: tf.Tensor) -> tf.Tensor:
    """Decodes one PNG, JPEG, GIF (its first frame) or BMP to pixels of its own size.

    Grey pictures become RGB, and transparency is laid over white. Pictures are taken as stored: an
    EXIF orientation is not applied, and a BMP with a palette gives its indices.

    Args:
        image_bytes: Scalar string tensor, the file's content.

    Returns:
        A float32 tensor `(height, width, 3)`, RGB in [0, 255].

    Raises:
        tf.errors.InvalidArgumentError: The bytes are no picture of a known format.

    Example:
        >>> grey = tf.io.encode_png(tf.fill((20, 30, 1), tf.constant(7, tf.uint8)))
        >>> decode_picture(grey).shape
        TensorShape([20, 30, 3])
    """
    decoded = tf.io.decode_image(image_bytes, channels=0, expand_animations=False)
    return _on_white(tf.cast(decoded, tf.float32), _is_bmp(image_bytes))


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
        tf.errors.InvalidArgumentError: The bytes are no picture of a known format.

    Example:
        >>> grey = tf.io.encode_png(tf.fill((20, 30, 1), tf.constant(7, tf.uint8)))
        >>> pixels = decode_image(grey, 4, 4)
        >>> pixels.shape, float(pixels[0, 0, 0])
        (TensorShape([4, 4, 3]), 7.0)
    """
    pixels = keras.ops.image.resize(
        decode_picture(image_bytes),
        (height, width),
        interpolation="bilinear",
        antialias=True,
        crop_to_aspect_ratio=crop_to_aspect_ratio,
        data_format="channels_last",
    )
    return tf.clip_by_value(tf.ensure_shape(pixels, (height, width, 3)), 0.0, 255.0)


def _is_bmp(image_bytes: tf.Tensor) -> tf.Tensor:
    return tf.strings.substr(image_bytes, 0, 2) == b"BM"


def _on_white(pixels: tf.Tensor, is_bmp: tf.Tensor) -> tf.Tensor:
    """Turns 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGB, alpha) channels into RGB on white."""
    shape = tf.shape(pixels)
    has_alpha = shape[2] % 2 == 0
    alpha = tf.where(has_alpha, pixels[:, :, -1:], 255.0)
    # Most 32-bit BMPs leave the fourth byte unused, as zero.
    alpha = tf.where(is_bmp & (tf.reduce_max(alpha) == 0.0), 255.0, alpha)
    color = pixels[:, :, : tf.where(has_alpha, shape[2] - 1, shape[2])]
    color = tf.broadcast_to(color, (shape[0], shape[1], 3))
    return 255.0 + (color - 255.0) * (alpha / 255.0)


@keras.saving.register_keras_serializable(package="tb_keras")
class DecodeImages(keras.layers.Layer):
    """Decodes a batch of pictures, each by `decode_image`.

    Made of TensorFlow operations alone, so it can be exported and served. Its output is float32
    under every dtype policy.

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

    Example:
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
        return tf.map_fn(
            self.decode,
            inputs,
            fn_output_signature=tf.TensorSpec((self.height, self.width, 3), tf.float32),
        )

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
