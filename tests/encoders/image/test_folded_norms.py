"""Tests of batch normalizations folded into convolutions."""

import keras
import numpy as np
import pytest

from tb_keras.encoders.image.folded_norms import ChannelBias, with_folded_norms

layers = keras.layers


def filled(model):
    rng = np.random.default_rng(0)
    for weight in model.weights:
        low = 0.5 if "variance" in weight.name else -0.5
        weight.assign(rng.uniform(low, 1.5, weight.shape))
    return model


def compared(model):
    pixels = np.random.default_rng(1).uniform(-2, 2, (3, 9, 9, 4)).astype("float32")
    folded = with_folded_norms(model)
    expected, found = (keras.tree.flatten(m(pixels)) for m in (model, folded))
    for before, after in zip(expected, found, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)
    return folded


def kinds(model):
    return [type(layer).__name__ for layer in model.layers if layer.weights]


@pytest.mark.parametrize(
    "convolution",
    [
        layers.Conv2D(6, 3, use_bias=False),
        layers.Conv2D(6, 3, 2, bias_initializer="ones"),
        layers.DepthwiseConv2D(3, use_bias=False),
        layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same", bias_initializer="ones"),
    ],
)
@pytest.mark.parametrize("settings", [{}, {"scale": False}, {"center": False, "epsilon": 0.1}])
def test_the_same_maps(convolution, settings):
    inputs = keras.Input((9, 9, 4))
    convolution = type(convolution).from_config(convolution.get_config())
    maps = layers.ReLU(6.0)(layers.BatchNormalization(**settings)(convolution(inputs)))
    folded = compared(filled(keras.Model(inputs, maps)))
    assert kinds(folded) == [type(convolution).__name__, "ChannelBias"]


def test_only_what_can_be_folded():
    inputs = keras.Input((9, 9, 4))
    shared = layers.Conv2D(4, 3, padding="same")(inputs)
    first = layers.BatchNormalization()(shared)  # the sum takes the convolution, too
    second = layers.BatchNormalization()(
        layers.Conv2D(4, 3, padding="same", activation="relu")(first)
    )
    third = layers.BatchNormalization()(layers.Add()([shared, second]))
    returned = layers.Conv2D(4, 1)(third)
    last = layers.BatchNormalization()(returned)
    folded = compared(filled(keras.Model(inputs, [keras.ops.sqrt(last * last), returned])))
    assert kinds(folded).count("BatchNormalization") == 4
    assert "ChannelBias" not in kinds(folded)


def test_it_is_saved_and_loaded(tmp_path):
    inputs = keras.Input((9, 9, 4))
    maps = layers.BatchNormalization(name="norm")(layers.Conv2D(6, 3, use_bias=False)(inputs))
    folded = with_folded_norms(filled(keras.Model(inputs, maps)))
    folded.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.get_layer("norm"), ChannelBias)
    pixels = np.ones((1, 9, 9, 4), "float32")
    np.testing.assert_array_equal(loaded(pixels), folded(pixels))
