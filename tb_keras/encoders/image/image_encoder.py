"""Image encoders by name: image files to features, in one Keras model."""

from __future__ import annotations

import os
import re

import keras

from tb_keras.checks.arguments import check_int
from tb_keras.encoders.image.efficientnet_levels import efficientnet_levels
from tb_keras.encoders.image.efficientnet_lite import efficientnet_lite
from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.image.ten_crop import MeanOfCrops, TenCrops

_EFFICIENTNET_LITE = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
_EFFICIENTNET_LEVELS = tuple(f"{name}_levels" for name in _EFFICIENTNET_LITE)
# Features of the papers: a model of keras.applications, and the layer of the whole model that gives
# them, or None for the pooled output without the head.
_OF_THE_PAPERS = {"vgg19_fc7": ("VGG19", "fc2"), "resnet152": ("ResNet152", None)}
# Image size at which keras.applications trained a model, where it is not 224.
_APPLICATION_SIZES = {
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "EfficientNetV2M": 480,
    "EfficientNetV2L": 480,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "NASNetLarge": 331,
    "Xception": 299,
}
_DEFAULT_SIZE = 224
_RESIZED_TO_CROP = 256 / 224  # side of the image that ten crops are cut from, in sides of a crop


def image_encoder(
    name: str = "efficientnet_lite0_levels",
    weights: str | os.PathLike | None = "pretrained",
    size: int | None = None,
    crops: int = 1,
) -> keras.Model:
    """Builds an image encoder by its name: a model from image files to features.

    The network sees one crop, the largest central square of the image, or ten, whose features are
    averaged. For ten crops the whole image is resized to 256 x 256 pixels, whatever its aspect
    ratio; the crops are the four corners and the centre of 224 x 224 pixels, and their mirror
    images. Networks of another size have the same proportion.

    Args:
        name: one of

            - `"efficientnet_lite0_levels"`, and likewise of lite1 and lite2: four depths of a
              network that is fast on CPUs, 3584 features, 3776 of lite2. The weights come with a
              pip package.
            - `"efficientnet_lite0"`, `"efficientnet_lite1"`, `"efficientnet_lite2"`: the last depth
              alone, 1280 features.
            - `"vgg19_fc7"`: the second fully connected layer of VGG-19 after its ReLU, 4096
              features; `"resnet152"`: the pooled last layer of ResNet-152, 2048 features. These are
              the image features of the papers, from `keras.applications`.
            - `"keras.applications/NAME"`, such as `"keras.applications/MobileNetV2"`: that model
              without its head, average-pooled, with its own input size and preprocessing.
            - `"keras_hub/PRESET"`: an image backbone of keras-hub, by the name of its preset or the
              path of a directory, with the preset's image converter if it has one. Feature maps and
              token sequences are averaged over their positions.
        weights: `"pretrained"` for the published weights, which are downloaded except for
            EfficientNet-Lite; None for random ones; or the path of a weights file (not for
            keras-hub, where the name itself may be a path).
        size: height and width of the network's input in pixels, at least 32; its own size if left
            out. Small images take less time. Not for keras-hub, nor for the published weights of
            vgg19_fc7, whose fully connected layers are made for 224 pixels.
        crops: 1 or 10. Ten crops take ten times the time and memory.

    Returns:
        A model from a string tensor `(batch,)`, the content of one PNG, JPEG, GIF or BMP file each,
        to float32 features `(batch, feature_dim)`, for `batch` of at least 1. Its layer
        `"decode_images"` decodes the files, and its layer `"backbone"` is the model from the
        float32 pixels `(batch, height, width, 3)` of one crop, in [0, 255], to its features.

    Raises:
        ValueError: the name is unknown (the message lists the known ones), `size` is out of range,
            or `crops` is neither 1 nor 10.
        OSError: the weights cannot be downloaded.
        ImportError: the package that `name` needs is not installed.

    Reference:
        Wang, Li and Lazebnik, CVPR 2016, for the ten crops; Simonyan and Zisserman, ICLR 2015, for
        VGG-19; He et al., CVPR 2016, for ResNet-152.

    Examples:
        >>> import tensorflow as tf
        >>> encoder = image_encoder("keras.applications/MobileNetV2", weights=None)
        >>> png = tf.io.encode_png(tf.zeros((10, 10, 3), tf.uint8))
        >>> encoder(png[None]).shape
        TensorShape([1, 1280])
        >>> encoder.get_layer("backbone").input_shape
        (None, 224, 224, 3)
    """
    family, _, member = name.partition("/")
    if size is not None:
        check_int("size", size, least=32)
        if family == "keras_hub":
            raise ValueError(f"`size` must be None: it is not for keras-hub. Received: size={size}")
    if crops not in (1, 10):
        raise ValueError(f"`crops` must be 1 or 10. Received: crops={crops!r}")
    if name in _EFFICIENTNET_LEVELS:
        variant = name.removeprefix("efficientnet_").removesuffix("_levels")
        backbone = efficientnet_levels(variant, weights, size)
    elif name in _EFFICIENTNET_LITE:
        backbone = efficientnet_lite(name.removeprefix("efficientnet_"), weights, size)
    elif name in _OF_THE_PAPERS:
        member, layer = _OF_THE_PAPERS[name]
        backbone = _application(member, weights, size, layer)
    elif family == "keras.applications" and member in _application_names():
        backbone = _application(member, weights, size)
    elif family == "keras_hub" and member:
        backbone = _hub_backbone(member, weights)
    else:
        raise ValueError(
            "`name` must be one of "
            f"{', '.join((*_EFFICIENTNET_LEVELS, *_EFFICIENTNET_LITE, *_OF_THE_PAPERS))}, "
            "keras_hub/PRESET, or "
            f"keras.applications/NAME with NAME one of {', '.join(_application_names())}. "
            f"Received: name={name!r}"
        )
    backbone = keras.Model(backbone.input, backbone.output, name="backbone")
    height, width = backbone.inputs[0].shape[1:3]
    image_bytes = keras.Input((), dtype="string", name="image_bytes")
    if crops == 1:
        pixels = DecodeImages(height, width, name="decode_images")(image_bytes)
        features = backbone(pixels)
    else:
        whole_height, whole_width = (round(side * _RESIZED_TO_CROP) for side in (height, width))
        decode = DecodeImages(
            whole_height, whole_width, crop_to_aspect_ratio=False, name="decode_images"
        )
        of_crops = backbone(TenCrops(height, width, name="ten_crops")(decode(image_bytes)))
        features = MeanOfCrops(name="mean_of_crops")(of_crops)
    return keras.Model(image_bytes, features, name=re.sub(r"\W+", "_", name))


def _application_names() -> list[str]:
    members = vars(keras.applications).items()
    return sorted(name for name, member in members if name[0].isupper() and callable(member))


def _application(
    name: str, weights: str | os.PathLike | None, size: int | None, layer: str | None = None
) -> keras.Model:
    """Returns a model's features: those of a layer of the whole, or pooled without its head."""
    build = getattr(keras.applications, name)
    module = getattr(keras.applications, build.__module__.rpartition(".")[2])
    own_size = _APPLICATION_SIZES.get(name, _DEFAULT_SIZE)
    size = own_size if size is None else size
    if layer is not None and weights == "pretrained" and size != own_size:
        raise ValueError(
            f"`size` must be {own_size} for the published weights of {name}'s fully connected "
            f"layers. Received: size={size}"
        )
    try:
        network = build(
            weights="imagenet" if weights == "pretrained" else weights,
            input_shape=(size, size, 3),
            include_top=layer is not None,
        )
    except Exception as error:
        if "URL fetch failure" not in str(error):  # Keras's download has no class of its own for it
            raise
        raise OSError(
            f"the weights of {name} cannot be downloaded; without a network, `weights` may be the "
            f"path of their file. {error}"
        ) from error
    if layer is not None:
        network = keras.Model(network.input, network.get_layer(layer).output)
    pixels = keras.Input((size, size, 3), name="pixels")
    features = network(module.preprocess_input(pixels))
    if layer is None:
        features = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(pixels, _as_float32(features))


def _hub_backbone(preset: str, weights: str | os.PathLike | None) -> keras.Model:
    if weights not in ("pretrained", None):
        raise ValueError(
            "`weights` must be 'pretrained' or None for a keras-hub preset. "
            f"Received: weights={weights!r}"
        )
    import keras_hub

    network = keras_hub.models.Backbone.from_preset(preset, load_weights=weights is not None)
    if len(network.inputs) != 1 or len(network.inputs[0].shape) != 4:
        raise ValueError(f"`name` must be that of an image backbone. Received: {preset!r}")
    height, width = network.inputs[0].shape[1:3]
    if height is None:
        height, width = _DEFAULT_SIZE, _DEFAULT_SIZE
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except (ValueError, FileNotFoundError):
        converter = None  # the preset has none: its network takes pixels in [0, 255]
    if converter is not None and converter.image_size is not None:
        height, width = converter.image_size
        # The pixels have this size already, and a Resizing layer inside a model makes the layers
        # after it run in training mode whenever `training` is left to its default.
        converter.image_size = None
    pixels = keras.Input((height, width, 3), name="pixels")
    features = network(pixels if converter is None else converter(pixels))
    if len(features.shape) == 4:
        features = keras.layers.GlobalAveragePooling2D()(features)
    elif len(features.shape) > 2:
        features = keras.ops.mean(features, axis=tuple(range(1, len(features.shape) - 1)))
    return keras.Model(pixels, _as_float32(features))


def _as_float32(features):
    return keras.layers.Activation("linear", dtype="float32", name="features")(features)
