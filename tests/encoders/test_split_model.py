"""Tests of the two parts of an encoder: together they are the whole."""

import keras
import numpy as np
import pytest

from tb_keras.encoders.split_model import split_model


def model():
    """Two branches, a residual and a feature of an early layer that passes by."""
    pixels = keras.Input((4, 4, 3))
    early = keras.layers.Conv2D(5, 3, padding="same", name="early")(pixels)
    x = keras.layers.Conv2D(5, 3, padding="same", name="middle")(early)
    x = keras.layers.Add(name="added")([x, early])
    late = keras.layers.Conv2D(6, 1, name="late")(x)
    means = [keras.layers.GlobalAveragePooling2D()(maps) for maps in (early, late)]
    return keras.Model(pixels, keras.ops.sqrt(keras.layers.Concatenate()(means) ** 2))


PIXELS = np.random.default_rng(0).normal(size=(7, 4, 4, 3)).astype("float32")
MAP, MEANS = 4 * 4 * 5, 5


@pytest.mark.parametrize(
    ("layer", "row_dim", "trained"),
    [
        ("early", MAP, {"middle", "late"}),
        ("middle", MAP + MAP + MEANS, {"late"}),  # the residual and the early means pass by
        ("added", MAP + MEANS, {"late"}),
        ("late", 4 * 4 * 6 + MEANS, set()),
    ],
)
def test_both_parts_are_the_whole(layer, row_dim, trained):
    whole = model()
    lower, upper = split_model(whole, layer)
    assert lower.output_shape == upper.input_shape == (None, row_dim)
    np.testing.assert_allclose(upper(lower(PIXELS)), whole(PIXELS), atol=1e-5)
    names = {weight.path.split("/")[0] for weight in upper.weights}
    assert names == trained


def test_the_upper_part_is_saved_alone(tmp_path):
    lower, upper = split_model(model(), "added")
    upper.save(tmp_path / "upper.keras")
    rows = lower(PIXELS)
    np.testing.assert_array_equal(
        keras.saving.load_model(tmp_path / "upper.keras")(rows), upper(rows)
    )


def test_a_layer_that_the_output_does_not_need():
    inputs = keras.Input((3,))
    hidden = keras.layers.Dense(2, name="unused")(inputs)
    whole = keras.Model(inputs, [keras.layers.Dense(2)(inputs), hidden])
    one = keras.Model(inputs, whole.outputs[0])
    with pytest.raises(ValueError, match="unused"):
        split_model(one, "unused")


def test_shapes_that_are_not_static():
    inputs = keras.Input((None, 3))
    hidden = keras.layers.Dense(2, name="hidden")(inputs)
    whole = keras.Model(inputs, keras.layers.GlobalAveragePooling1D()(hidden))
    with pytest.raises(ValueError, match="`layer` must be where shapes are static"):
        split_model(whole, "hidden")
