"""Image backbones from the presets of keras-hub, with their own way to resize and scale."""

from __future__ import annotations

import functools
import os
from typing import Any

import keras

from tb_keras.encoders.presets.preset_backbone import HUB, has_towers, is_of_kind, load_backbone

_DEFAULT_SIZE = 224
# The papers' features are the class token, which comes first, not the mean of the tokens.
_WITH_CLASS_TOKEN = {"DINOV2Backbone", "DINOV3Backbone", "DeiTBackbone", "ViTBackbone"}


def preset_image_backbone(
    preset: str, weights: str | os.PathLike | None, size: int | None
) -> keras.Model:
    """Builds the image backbone of a preset, or its image tower, with its image converter.

    Args:
        preset: the preset's name, or the path of a directory.
        weights: `"pretrained"` or None.
        size: must be None.

    Returns:
        A model from float32 pixels `(batch, height, width, 3)` in [0, 255] to float32 features.

    Raises:
        ValueError: the preset has no image backbone, or `weights` or `size` is another.
    """
    if size is not None:
        raise ValueError(f"`size` must be None: it is not for keras-hub. Received: size={size}")
    if weights not in ("pretrained", None):
        raise ValueError(
            "`weights` must be 'pretrained' or None for a keras-hub preset. "
            f"Received: weights={weights!r}"
        )
    network = load_backbone(preset, weights)
    both = has_towers(network)
    inputs = (network.vision_encoder if both else network).inputs
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ValueError(f"`name` must be that of an image backbone. Received: {preset!r}")
    if is_of_kind(network, {"SigLIPBackbone"}):
        _state_true_shape(network.vision_encoder.embedding)
    height, width = inputs[0].shape[1:3]
    if height is None:
        height, width = _DEFAULT_SIZE, _DEFAULT_SIZE
    converter = _converter(preset)
    if converter is not None and converter.image_size is not None:
        height, width = converter.image_size
        # The pixels have this size already, and a Resizing layer inside a model makes the layers
        # after it run in training mode whenever `training` is left to its default.
        converter.image_size = None
    pixels = keras.Input((height, width, 3), name="pixels")
    converted = pixels if converter is None else converter(pixels)
    encode = network.get_vision_embeddings if both else functools.partial(_pooled, network)
    features = encode(converted)
    features = keras.layers.Activation("linear", dtype="float32", name="features")(features)
    return keras.Model(pixels, features)


def preset_resizing(name: str) -> dict[str, Any]:
    """Returns how an image encoder resizes: arguments of `DecodeImages`, for a preset its own.

    Raises:
        ValueError: the preset pads images.
    """
    converter = _converter(name.removeprefix(HUB)) if name.startswith(HUB) else None
    if converter is None or converter.image_size is None:
        return {}
    if converter.pad_to_aspect_ratio:
        raise ValueError(
            "`name` must be that of a preset that does not pad images to its aspect ratio. "
            f"Received: name={name!r}"
        )
    settings = ("crop_to_aspect_ratio", "interpolation", "antialias")
    return {setting: getattr(converter, setting) for setting in settings}


def _converter(preset: str):
    """Returns the preset's image converter, or None: its network takes pixels in [0, 255]."""
    import keras_hub

    try:
        return keras_hub.layers.ImageConverter.from_preset(preset)
    except (ValueError, FileNotFoundError):
        return None


def _state_true_shape(embedding: keras.layers.Layer) -> None:
    """Corrects the shape of SigLIP's patches: keras-hub counts a class token that is not there."""
    places, dim = embedding.num_positions, embedding.hidden_dim
    embedding.compute_output_shape = lambda input_shape: (input_shape[0], places, dim)


def _pooled(network: keras.Model, pixels):
    given = network.input
    features = network({next(iter(given)): pixels} if isinstance(given, dict) else pixels)
    if len(features.shape) == 4:
        return keras.layers.GlobalAveragePooling2D()(features)
    if is_of_kind(network, _WITH_CLASS_TOKEN) and getattr(network, "use_class_token", True):
        return features[:, 0]
    if len(features.shape) > 2:
        return keras.ops.mean(features, axis=tuple(range(1, len(features.shape) - 1)))
    return features
