"""Tests of the start by radial basis functions, against scikit-learn's kernel."""

import keras
import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel

from tb_keras.networks import KernelStart


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def arrays(rng, dim=4, count=6, size=3):
    return {
        "mean": rng.normal(size=dim),
        "deviation": rng.uniform(0.5, 2, dim),
        "landmarks": unit(rng.normal(size=(count, dim))),
        "gamma": 1.5,
        "centre": rng.random(count),
        "directions": rng.normal(size=(count, size)),
    }


def mapped(rows, mean, deviation, landmarks, gamma, centre, directions):
    likeness = rbf_kernel(unit((rows - mean) / deviation), landmarks, gamma=gamma)
    return (likeness - centre) @ directions


def test_it_is_a_sum_of_radial_basis_functions_of_standardised_rows_of_unit_length():
    rng = np.random.default_rng(0)
    constants = arrays(rng)
    start = KernelStart(**constants)
    rows = 3 * rng.normal(size=(5, 4))
    found = start(rows.astype("float32"))
    np.testing.assert_allclose(found, mapped(rows, **constants), rtol=1e-4, atol=1e-5)
    assert (start.feature_dim, start.size, start.scale) == (4, 3, 1.0)
    assert start.compute_output_shape((None, 4)) == (None, 3)


def test_it_is_float32_under_each_policy_and_trains_nothing():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        start = KernelStart(**arrays(np.random.default_rng(0)))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(start(np.ones((2, 4), "float32")).dtype) == "float32"
    start.trainable = True
    assert start.trainable_weights == []


def test_it_saves_and_loads(tmp_path):
    rng = np.random.default_rng(1)
    constants = arrays(rng)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, KernelStart(**constants, scale=0.5, name="start")(inputs))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    rows = rng.normal(size=(3, 4))
    np.testing.assert_array_equal(loaded(rows), model(rows))
    start = loaded.get_layer("start")
    np.testing.assert_allclose(start.landmarks, constants["landmarks"], rtol=1e-6)
    assert start.get_config() == model.get_layer("start").get_config()
    assert (start.gamma, start.scale) == (1.5, 0.5)


@pytest.mark.parametrize("rows", [np.zeros((1, 4)), np.full((1, 4), 1e15)])
def test_extreme_rows_stay_finite(rows):
    start = KernelStart(**arrays(np.random.default_rng(2)))
    assert np.isfinite(start(rows.astype("float32"))).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gamma": 0.0}, "`gamma` must be a positive float. Received: gamma=0.0"),
        ({"scale": -1.0}, "`scale` must be a positive float. Received: scale=-1.0"),
        ({"deviation": np.ones(3)}, r"`deviation` must have shape \(4,\).*\(3,\)"),
        ({"landmarks": np.ones((6, 3))}, r"`landmarks` must have shape \(6, 4\).*\(6, 3\)"),
        ({"centre": np.ones(5)}, r"`centre` must have shape \(6,\).*\(5,\)"),
        ({"directions": np.ones((4, 3))}, r"`directions` must have shape \(6, 3\).*\(4, 3\)"),
        ({"mean": []}, "`feature_dim` must be a positive int"),
    ],
)
def test_wrong_arguments_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        KernelStart(**{**arrays(np.random.default_rng(0)), **changes})
