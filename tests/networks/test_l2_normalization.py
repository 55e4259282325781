"""Tests of the layer that makes embeddings of unit length."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import L2Normalization


def test_rows_are_divided_by_their_length():
    rows = np.random.default_rng(0).normal(size=(5, 7)).astype("float32")
    expected = rows.astype("float64") / np.linalg.norm(rows.astype("float64"), axis=1)[:, None]
    np.testing.assert_allclose(L2Normalization()(rows), expected, rtol=1e-5)


@pytest.mark.parametrize("length", [1e-3, 1.0, 1e4, 1e15])
def test_the_length_is_one_whatever_came_in(length):
    rows = np.random.default_rng(0).normal(size=(5, 300)).astype("float32")
    rows *= length / np.linalg.norm(rows, axis=1, keepdims=True)
    lengths = np.linalg.norm(L2Normalization()(rows), axis=1)
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_a_row_of_zeros_has_a_finite_gradient(jit_compile):
    layer = L2Normalization()

    @tf.function(jit_compile=jit_compile)
    def gradient(rows):
        with tf.GradientTape() as tape:
            tape.watch(rows)
            total = tf.reduce_sum(layer(rows) * tf.constant([1.0, 2.0, 3.0]))
        return tape.gradient(total, rows)

    rows = tf.constant([[0.0, 0.0, 0.0], [3.0, 0.0, 4.0]])
    np.testing.assert_array_equal(layer(rows)[0], [0, 0, 0])
    found = gradient(rows)
    assert np.isfinite(found).all()
    # d/dx of w·x/‖x‖ is (w − (w·u)u)/‖x‖ with u = x/‖x‖.
    u, w = np.array([0.6, 0.0, 0.8]), np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(found[1], (w - (w @ u) * u) / 5, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_neither_overflows_nor_loses_the_length(dtype):
    rows = tf.cast([[300.0, 400.0], [0.0, 0.0], [6e4, 0.0]], dtype)  # 300² overflows float16
    keras.mixed_precision.set_dtype_policy(f"mixed_{dtype}")
    try:
        found = L2Normalization()(rows)
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [1, 0]], rtol=1e-2)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), [1, 0, 1], rtol=1e-5)


def test_config_round_trip():
    layer = L2Normalization(epsilon=1e-6, name="unit")
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(restored) is L2Normalization
    assert restored.get_config() == layer.get_config()
    assert (restored.epsilon, restored.name) == (1e-6, "unit")


def test_any_rank():
    rows = np.random.default_rng(0).normal(size=(2, 3, 4))
    assert L2Normalization().compute_output_shape((2, 3, 4)) == (2, 3, 4)
    np.testing.assert_allclose(np.linalg.norm(L2Normalization()(rows), axis=-1), 1, rtol=1e-5)
