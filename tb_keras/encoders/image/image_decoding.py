"""Encoded images to pixels, inside the graph."""

from __future__ import annotations

import keras
import tensorflow as tf

from tb_keras.checks.arguments import check_int
from tb_keras.encoders.image.files.bmp_palette import decode_palette_bmp, has_palette, is_plain_bmp
from tb_keras.encoders.image.files.gif_first_frame import first_frame
from tb_keras.encoders.image.files.image_file import ImageFile, read_header
from tb_keras.encoders.image.files.image_kinds import is_bmp_file, is_gif_file
from tb_keras.encoders.image.files.image_orientation import exif_orientation, upright
from tb_keras.encoders.image.image_rows import MAX_PIXELS, map_images

_MOST_SCANS = 100  # a progressive JPEG has some ten


def decode_image(
    image_bytes: tf.Tensor | ImageFile,
    size: tuple[int, int] | None = None,
    crop_to_aspect_ratio: bool = True,
    interpolation: str = "bilinear",
    antialias: bool = True,
) -> tf.Tensor:
    """Decodes one PNG, JPEG, GIF or BMP to pixels.

    An image is turned as its EXIF block says, so it is decoded as viewers show it, and boxes are
    meant so too. Grey images become RGB. Transparency is laid over white (a GIF's becomes black).
    CMYK becomes RGB without a colour profile. With 16 bits a channel, the upper 8 are taken. Only
    the first frame of an animated GIF is decoded, in its own size.

    Args:
        image_bytes: scalar string tensor, the content of a file; or an `ImageFile`, whose header
            need not be read again.
        size: positive height and width of the result in pixels. If None, the image keeps its own
            size.
        crop_to_aspect_ratio: whether the largest central part with the aspect ratio of `size` is
            resized, or else the whole image.
        interpolation: `"bilinear"`, `"bicubic"`, `"nearest"`, `"lanczos3"` or `"lanczos5"`.
        antialias: whether pixels are averaged where the image becomes smaller.

    Returns:
        A float32 tensor `(height, width, 3)`, RGB in [0, 255]. Bicubic and Lanczos interpolation
        may go beyond this range, as in keras-hub.

    Raises:
        tf.errors.InvalidArgumentError: the bytes are no image of a known format, the image is
            damaged, it has more than 50 million pixels, or it is a JPEG of more than 100 scans or a
            compressed BMP.

    Examples:
        >>> grey = tf.io.encode_png(tf.fill((20, 30, 1), tf.constant(7, tf.uint8)))
        >>> decode_image(grey).shape
        TensorShape([20, 30, 3])
        >>> pixels = decode_image(grey, size=(4, 5))
        >>> pixels.shape, float(pixels[0, 0, 0])
        (TensorShape([4, 5, 3]), 7.0)
    """
    file = image_bytes if isinstance(image_bytes, ImageFile) else read_header(image_bytes)
    decoded = _decoded(file)
    if size is None:
        return tf.cond(
            _has_alpha(decoded),
            lambda: _on_white(decoded, file.content),
            lambda: _three_channels(tf.cast(decoded, tf.float32)),
        )

    def resized(pixels):
        if crop_to_aspect_ratio:
            pixels = _central_part(pixels, *size)
        resized = tf.image.resize(pixels, size, interpolation, antialias=antialias)
        return tf.cast(resized, tf.float32)  # "nearest" leaves them as they are

    # A large image takes four times the memory as float32: only where there is transparency.
    # (keras.ops.image.resize would turn uint8 back into itself, rounded.)
    pixels = tf.cond(
        _has_alpha(decoded),
        lambda: resized(_on_white(decoded, file.content)),
        lambda: _three_channels(resized(decoded)),
    )
    pixels = tf.ensure_shape(pixels, (*size, 3))
    return tf.clip_by_value(pixels, 0.0, 255.0) if interpolation == "bilinear" else pixels


def decoded_size(image_bytes: tf.Tensor | ImageFile) -> tf.Tensor:
    """Decodes one image only to see whether it can be: its height and width, int32 `(2,)`.

    Raises:
        tf.errors.InvalidArgumentError: as `decode_image`.

    Examples:
        >>> decoded_size(tf.io.encode_png(tf.zeros((2, 3, 1), tf.uint8))).numpy().tolist()
        [2, 3]
    """
    file = image_bytes if isinstance(image_bytes, ImageFile) else read_header(image_bytes)
    return tf.shape(_decoded(file))[:2]


# One trace for all that decode.
@tf.function(autograph=False, input_signature=[ImageFile.spec()])
def _decoded(file: ImageFile) -> tf.Tensor:
    """Returns uint8 `(height, width, channels)`, upright: grey or RGB, with or without alpha."""
    image_bytes = _cleared(file)

    def plain(file, channels=0):
        return tf.io.decode_image(file, channels=channels, expand_animations=False)

    def keyed():
        return tf.cond(
            file.has_color_key,
            lambda: plain(image_bytes, 4),  # only then is the named colour transparent
            lambda: plain(
                tf.cond(file.has_scans, lambda: _of_few_scans(image_bytes), lambda: image_bytes)
            ),
        )

    def bmp():
        return tf.cond(
            has_palette(image_bytes),
            lambda: decode_palette_bmp(image_bytes),
            lambda: plain(image_bytes),
        )

    decoded = tf.case(
        [
            (is_gif_file(image_bytes), lambda: plain(first_frame(image_bytes, MAX_PIXELS))),
            (is_bmp_file(image_bytes), bmp),
        ],
        keyed,
    )
    return tf.cond(
        file.exif < 0,
        lambda: decoded,
        lambda: upright(decoded, exif_orientation(image_bytes, file.exif)),
    )


def _cleared(file: ImageFile) -> tf.Tensor:
    """Returns the file for TensorFlow's decoders, if its header is of a kind that is read here.

    Nothing else may reach them: an animated WebP makes TensorFlow 2.21 write where it must not. Of
    a file whose header is damaged only the first bytes are left, which are decoded to an error.
    """
    image_bytes, pixels = file.content, tf.reduce_prod(file.size)
    length = tf.strings.length(image_bytes)
    reason = tf.constant("")
    is_rare_bmp = tf.cond(
        is_bmp_file(image_bytes), lambda: ~is_plain_bmp(image_bytes), lambda: tf.constant(False)
    )
    for is_so, said in (
        (is_rare_bmp, "The BMP is of a rare kind."),
        (pixels > MAX_PIXELS, f"More than {MAX_PIXELS // 10**6} million pixels."),
        (~file.is_known, "Unknown image file format: no PNG, JPEG, GIF or BMP."),
        (length == 0, "Input is empty."),
    ):
        reason = tf.where(is_so, said, reason)
    check = tf.raw_ops.Assert(condition=reason == "", data=[reason])
    with tf.control_dependencies([check]):
        return tf.strings.substr(image_bytes, 0, tf.where(pixels > 0, length, 3))


def _of_few_scans(image_bytes: tf.Tensor) -> tf.Tensor:
    """Returns the file of a JPEG, or only its first bytes if it has too many scans.

    Ten bytes can hold a scan, and each goes over all pixels: a file of 1 MB could take minutes.
    """
    split = tf.raw_ops.StringSplitV2(
        input=image_bytes[None], sep=b"\xff\xda", maxsplit=_MOST_SCANS + 1
    )
    too_many = tf.size(split.values) > _MOST_SCANS + 1
    length = tf.where(too_many, 3, tf.strings.length(image_bytes))
    return tf.strings.substr(image_bytes, 0, length)


def _central_part(pixels: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Returns the largest part with the aspect ratio of `height` and `width`."""
    own_height, own_width = tf.unstack(tf.shape(pixels, out_type=tf.int64)[:2])
    part_height = tf.clip_by_value(own_width * height // width, 1, own_height)
    part_width = tf.clip_by_value(own_height * width // height, 1, own_width)
    top, left = (own_height - part_height) // 2, (own_width - part_width) // 2
    return pixels[top : top + part_height, left : left + part_width]


def _three_channels(pixels: tf.Tensor) -> tf.Tensor:
    return tf.broadcast_to(pixels, tf.concat([tf.shape(pixels)[:2], [3]], axis=0))


def _has_alpha(decoded: tf.Tensor) -> tf.Tensor:
    return tf.shape(decoded)[2] % 2 == 0


def _on_white(decoded: tf.Tensor, image_bytes: tf.Tensor) -> tf.Tensor:
    """Lays pixels, whose last channel is alpha, over white: float32 RGB."""
    alpha = tf.cast(decoded[:, :, -1:], tf.float32)
    # Most 32-bit BMPs leave the fourth byte unused, as zero.
    alpha = tf.where(is_bmp_file(image_bytes) & (tf.reduce_max(alpha) == 0.0), 255.0, alpha)
    color = _three_channels(tf.cast(decoded[:, :, :-1], tf.float32))
    return 255.0 + (color - 255.0) * (alpha / 255.0)


@keras.saving.register_keras_serializable(package="tb_keras")
class DecodeImages(keras.layers.Layer):
    """A layer that decodes a batch of image files, each by `decode_image`.

    It holds TensorFlow operations only, so it can be exported and served. Its output is float32
    under every dtype policy.

    A file that cannot be decoded makes the batch fail, and the message names its position. A file
    that is too large fails before its pixels take memory. An image of 50 million pixels takes
    0.3 GB while it is decoded, 1.4 GB if it has transparency. Smaller ones are decoded several at a
    time, but never more than 50 million pixels together.

    Args:
        height: height of the result in pixels.
        width: width of the result in pixels.
        crop_to_aspect_ratio: as in `decode_image`.
        interpolation: as in `decode_image`.
        antialias: as in `decode_image`.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: string tensor `(batch,)`, the content of one file each. `batch` may be 0.

    Returns:
        A float32 tensor `(batch, height, width, 3)`, RGB in [0, 255], as `decode_image` gives it.

    Raises:
        ValueError: `height` or `width` is not a positive int, or the inputs are not of rank 1.
        tf.errors.InvalidArgumentError: a file is no PNG, JPEG, GIF or BMP, has more than 50 million
            pixels, or cannot be decoded.

    Examples:
        >>> png = tf.io.encode_png(tf.zeros((5, 5, 3), tf.uint8))
        >>> DecodeImages(8, 6)(tf.stack([png, png])).shape
        TensorShape([2, 8, 6, 3])
    """

    def __init__(
        self,
        height: int,
        width: int,
        crop_to_aspect_ratio: bool = True,
        interpolation: str = "bilinear",
        antialias: bool = True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_int("height", height, least=1)
        check_int("width", width, least=1)
        self.height = height
        self.width = width
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.interpolation = interpolation
        self.antialias = antialias

    def decode(self, image_bytes: tf.Tensor | ImageFile) -> tf.Tensor:
        """Decodes one image to pixels `(height, width, 3)`, by `decode_image`."""
        size, resizing = (self.height, self.width), (self.interpolation, self.antialias)
        return decode_image(image_bytes, size, self.crop_to_aspect_ratio, *resizing)

    def call(self, inputs):
        pixels = tf.TensorSpec((self.height, self.width, 3), tf.float32)
        return map_images(self.decode, inputs, specs=pixels)

    def compute_output_spec(self, inputs):
        if len(inputs.shape) != 1:
            raise ValueError(
                "`inputs` must be a string tensor of shape (batch,). "
                f"Received: shape={tuple(inputs.shape)}"
            )
        return keras.KerasTensor((inputs.shape[0], self.height, self.width, 3), "float32")

    def get_config(self):
        own = ("height", "width", "crop_to_aspect_ratio", "interpolation", "antialias")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}
