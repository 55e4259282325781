"""Tests of the layer of radial basis functions, against scikit-learn's kernel."""

import keras
import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from tb_keras.networks import RadialBasis


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def layer_of(rng, policy=None):
    layer = RadialBasis(6, **({} if policy is None else {"dtype": policy}))
    layer.build((None, 4))
    landmarks = unit(rng.normal(size=(6, 4)))
    layer.set_weights([landmarks, np.float32(1.5)])
    return layer, landmarks


def test_it_is_the_radial_basis_function_of_rows_of_unit_length():
    rng = np.random.default_rng(0)
    layer, landmarks = layer_of(rng)
    rows = 3 * rng.normal(size=(5, 4)).astype("float32")
    expected = rbf_kernel(unit(rows), landmarks, gamma=1.5)
    np.testing.assert_allclose(layer(rows), expected, rtol=1e-4, atol=1e-6)
    assert layer.compute_output_shape((None, 4)) == (None, 6)


def test_it_is_float32_under_each_policy_and_trains_nothing():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        layer, _ = layer_of(np.random.default_rng(0))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(layer(np.ones((2, 4), "float32")).dtype) == "float32"
    assert layer.trainable_weights == []


def test_it_saves_and_loads(tmp_path):
    rng = np.random.default_rng(1)
    layer, landmarks = layer_of(rng)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rows = rng.normal(size=(3, 4))
    np.testing.assert_array_equal(loaded(rows), model(rows))
    np.testing.assert_allclose(loaded.layers[-1].landmarks, landmarks, rtol=1e-6)


@pytest.mark.parametrize("rows", [np.zeros((1, 4)), np.full((1, 4), 1e15)])
def test_extreme_rows_stay_finite(rows):
    layer, _ = layer_of(np.random.default_rng(2))
    assert np.isfinite(layer(rows.astype("float32"))).all()
