"""Features of several depths of EfficientNet-Lite."""

from __future__ import annotations

import os

import keras
from keras import ops

from tb_keras.encoders.image.efficientnet_lite import efficientnet_lite

# Wide layers of four depths: strides 16, 16, 32 and 32; in lite0 480, 672, 1152 and 1280 channels.
_DEEPER = ("blocks.11.bn1_relu6", "blocks.15.bn0_relu6", "blocks.20.bn1_relu6", "bn1_relu6")
_LAYERS = {
    "lite0": ("blocks.8.bn1_relu6", "blocks.11.bn0_relu6", "blocks.15.bn1_relu6", "bn1_relu6"),
    "lite1": _DEEPER,
    "lite2": _DEEPER,
}

_LEAST = 0.01  # mean whose root has a true derivative; a unit that never fires has mean 0


@keras.saving.register_keras_serializable(package="tb_keras")
class SquareRoot(keras.layers.Layer):
    """A layer that takes square roots, and whose gradient stays finite at zero.

    Below 0.01 its derivative is that at 0.01.
    """

    def call(self, values):
        slope = 0.5 * ops.rsqrt(ops.maximum(values, _LEAST))
        line = ops.stop_gradient(slope) * values
        return ops.stop_gradient(ops.sqrt(values) - line) + line

    def compute_output_shape(self, shape):
        return shape


def efficientnet_levels(
    variant: str = "lite0",
    weights: str | os.PathLike | None = "pretrained",
    size: int | None = None,
) -> keras.Model:
    """Builds an EfficientNet-Lite with the spatial means of four depths joined to one vector.

    The last layer of a network that was trained to name things has lost much that tells pictures
    apart; earlier layers have not. The means are replaced by their square roots, because means of
    rectified units are skewed.

    Args:
        variant: as in `efficientnet_lite`.
        weights: as in `efficientnet_lite`.
        size: as in `efficientnet_lite`.

    Returns:
        A model from float32 pixels `(batch, size, size, 3)` in [0, 255] to float32 features
        `(batch, feature_dim)` in [0, 2.45]; 3584 features for lite0 and
        lite1, 3776 for lite2.

    Raises:
        ValueError: the variant is unknown, or the weights do not fit it.
        ImportError: the pip package with the weights is not installed.

    Reference:
        Perronnin, Sanchez and Mensink, *Improving the Fisher Kernel for Large-Scale Image
        Classification*, ECCV 2010, for the square roots.

    Examples:
        >>> efficientnet_levels("lite0", weights=None).output_shape
        (None, 3584)
    """
    backbone = efficientnet_lite(variant, weights, size)
    means = [
        keras.layers.GlobalAveragePooling2D(dtype="float32")(backbone.get_layer(name).output)
        for name in _LAYERS[variant]
    ]
    joined = keras.layers.Concatenate(dtype="float32", name="levels")(means)
    features = SquareRoot(dtype="float32", name="square_root")(joined)
    return keras.Model(backbone.input, features, name=f"{backbone.name}_levels")
