"""Tests of the mean and the attended mean against loops over the words."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.text.word_pooling import AttendedMean, MeanOfWords


def texts(seed=0, batch=6, words=5, dim=4):
    rng = np.random.default_rng(seed)
    mask = rng.random((batch, words)) < 0.6
    mask[0], mask[1] = False, True
    return rng.normal(size=(batch, words, dim)).astype("float32"), mask


def test_mean():
    vectors, mask = texts()
    found = MeanOfWords()(vectors, mask=mask).numpy()
    for row, of_text, counts in zip(found, vectors, mask):
        words = [vector for vector, counted in zip(of_text, counts) if counted]
        np.testing.assert_allclose(row, np.mean(words, axis=0) if words else 0, atol=1e-6)


def test_attended_mean():
    vectors, mask = texts(1)
    layer = AttendedMean(3)
    found = layer(vectors, mask=mask).numpy()
    first, second = (weight.numpy().astype("float64") for weight in layer.weights)
    for row, of_text, counts in zip(found, vectors, mask):
        words = [vector for vector, counted in zip(of_text, counts) if counted]
        scores = [float(np.tanh(word @ first) @ second[:, 0]) for word in words]
        total = sum(np.exp(scores))
        expected = sum((np.exp(s) / total * w for s, w in zip(scores, words)), np.zeros(4))
        np.testing.assert_allclose(row, expected, atol=1e-6)
    assert not np.allclose(found[1], vectors[1].mean(axis=0), atol=1e-3)  # it does attend


@pytest.mark.parametrize("layer", [MeanOfWords(), AttendedMean(3)])
def test_what_does_not_count_has_no_part_nor_gradient(layer):
    vectors, mask = texts(2)
    expected = layer(vectors, mask=mask)
    changed = np.where(mask[:, :, None], vectors, 1e6).astype("float32")
    np.testing.assert_allclose(layer(changed, mask=mask), expected, atol=1e-6)
    with tf.GradientTape() as tape:
        variable = tf.Variable(vectors)
        total = tf.reduce_sum(layer(variable, mask=mask) ** 2)
    gradient = tape.gradient(total, variable).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[~mask].any()
    assert np.abs(gradient[mask]).max(axis=1).min() > 0


def test_large_scores_and_half_precision():
    vectors, mask = texts(3)
    found = AttendedMean(3, dtype="mixed_float16")(vectors * 100, mask=mask)
    assert found.dtype == tf.float16
    assert np.isfinite(found).all()
    assert not found[0].numpy().any()


def test_config_round_trip():
    layer = AttendedMean(7, name="attend")
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert restored.get_config() == layer.get_config()
    assert restored.units == 7
