"""Image backbones by name: pixels to features."""

from __future__ import annotations

import os

import keras

from tb_keras.encoders.block_split import split_blocks
from tb_keras.encoders.image.efficientnet_levels import efficientnet_levels
from tb_keras.encoders.image.efficientnet_lite import efficientnet_lite
from tb_keras.encoders.image.folded_norms import with_folded_norms
from tb_keras.encoders.image.pixel_rows import pixel_rows
from tb_keras.encoders.presets.preset_backbone import HUB
from tb_keras.encoders.presets.preset_images import preset_image_backbone
from tb_keras.encoders.shortened_names import ALL_BLOCKS, whole_name

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


def image_backbone(
    name: str, weights: str | os.PathLike | None = "pretrained", size: int | None = None
) -> keras.Model:
    """Builds an image backbone by its name.

    Several names joined by "+" give the features of all, one after the other. The model then takes
    the largest input of its members, and scales it down inside for the others.

    Args:
        name: as in `image_encoder`.
        weights: as in `image_encoder`.
        size: as in `image_encoder`.

    Returns:
        A model named `"backbone"` from float32 pixels `(batch, height, width, 3)` in [0, 255] to
        float32 features `(batch, feature_dim)`.

    Raises:
        ValueError: as in `image_encoder`.
        OSError: as in `image_encoder`.
        ImportError: as in `image_encoder`.

    Examples:
        >>> lite0 = "efficientnet_lite0"
        >>> image_backbone(f"{lite0}+{lite0}_levels", weights=None, size=32).output_shape
        (None, 4864)
    """
    name, left_out = whole_name(name)
    if left_out == ALL_BLOCKS:
        return pixel_rows(image_backbone(name, weights, size))
    if left_out:
        lower = split_blocks(image_backbone(name, weights, size), left_out).lower
        return keras.Model(lower.input, lower.output, name="backbone")
    members = [name] if name.startswith(HUB) else name.split("+")
    if len(members) > 1 and weights not in ("pretrained", None):
        raise ValueError(
            "`weights` must be 'pretrained' or None where several image encoders are joined. "
            f"Received: weights={weights!r}"
        )
    backbones = [_single(member, weights, size) for member in members]
    if len(backbones) == 1:
        return keras.Model(backbones[0].input, backbones[0].output, name="backbone")
    sizes = [backbone.input_shape[1:3] for backbone in backbones]
    largest = max(sizes)
    pixels = keras.Input((*largest, 3), name="pixels")
    features = []
    for backbone, (height, width) in zip(backbones, sizes):
        scaled = pixels
        if (height, width) != largest:
            scaled = keras.ops.image.resize(pixels, (height, width), antialias=True)
        features.append(backbone(scaled))
    joined = keras.layers.Concatenate(dtype="float32", name="features")(features)
    return keras.Model(pixels, joined, name="backbone")


def _single(name: str, weights: str | os.PathLike | None, size: int | None) -> keras.Model:
    family, _, member = name.partition("/")
    if name in _EFFICIENTNET_LEVELS:
        variant = name.removeprefix("efficientnet_").removesuffix("_levels")
        return with_folded_norms(efficientnet_levels(variant, weights, size))
    if name in _EFFICIENTNET_LITE:
        variant = name.removeprefix("efficientnet_")
        return with_folded_norms(efficientnet_lite(variant, weights, size))
    if name in _OF_THE_PAPERS:
        member, layer = _OF_THE_PAPERS[name]
        return _application(member, weights, size, layer)
    if family == "keras.applications" and member in _application_names():
        return _application(member, weights, size)
    if family == "keras_hub" and member:
        return preset_image_backbone(member, weights, size)
    raise ValueError(
        "`name` must be one of "
        f"{', '.join((*_EFFICIENTNET_LEVELS, *_EFFICIENTNET_LITE, *_OF_THE_PAPERS))}, "
        "keras_hub/PRESET, or "
        f"keras.applications/NAME with NAME one of {', '.join(_application_names())}, or several "
        f"joined by '+'. Received: name={name!r}"
    )


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
    features = keras.layers.Activation("linear", dtype="float32", name="features")(features)
    return keras.Model(pixels, features)
