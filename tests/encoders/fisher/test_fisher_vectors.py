"""Tests of the Fisher vectors: finite differences of the likelihood, and scikit-image's."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.fisher.fisher_vectors import FisherVectors
from tests.cases import examples
from tests.encoders.fisher.mixture_oracle import random_mixture


def raw(mixture):
    return FisherVectors.of(mixture, power=1.0, normalize=False)


def signed_root_of_unit_length(rows):
    rows = np.sign(rows) * np.sqrt(np.abs(rows))
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def by_differences(mixture, words, step=1e-6):
    """Derivatives of the mean log-likelihood, each times the square root of 1 / information."""

    def mean_log_likelihood(**changes):
        return dataclasses.replace(mixture, **changes).log_densities(words).mean()

    parts = []
    for name in ("locations", "scales"):
        parameter = getattr(mixture, name)
        gradient = np.zeros(parameter.shape)
        for place in np.ndindex(parameter.shape):
            low, high = parameter.copy(), parameter.copy()
            low[place] -= step
            high[place] += step
            gradient[place] = (
                mean_log_likelihood(**{name: high}) - mean_log_likelihood(**{name: low})
            ) / (2 * step)
        twice = np.where(mixture.laplacian | (name == "locations"), 1, 2)
        information = mixture.weights[:, None] * twice / mixture.scales**2
        parts.append(gradient / np.sqrt(information))
    return np.ravel(parts)


@examples(20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([None, False, True]))
def test_it_is_the_normalised_gradient(seed, centers, laplacian):
    mixture = random_mixture(seed, centers, 2, laplacian)
    words = np.random.default_rng(seed).standard_normal((4, 2))
    # At a Laplacian's location the likelihood has a corner.
    if np.abs(words[:, None] - mixture.locations).min() < 1e-4:
        return
    found = raw(mixture)(words[None].astype(np.float32)).numpy()[0]
    np.testing.assert_allclose(found, by_differences(mixture, words), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["gaussian", "laplacian"])
def test_the_information_is_what_the_normalisation_says(kind):
    """Of many words drawn from one centre itself, the parts have mean 0 and variance 1/N."""
    rng = np.random.default_rng(0)
    mixture = random_mixture(centers=1, dim=2, laplacian=kind == "laplacian")
    noise = rng.laplace if kind == "laplacian" else rng.normal
    words = noise(mixture.locations[0], mixture.scales[0], (20_000, 5, 2)).astype(np.float32)
    parts = raw(mixture)(words).numpy()
    np.testing.assert_allclose(parts.mean(axis=0), 0, atol=0.02)
    np.testing.assert_allclose(5 * parts.var(axis=0), 1, atol=0.08)


def test_the_gaussian_end_is_scikit_images():
    feature = pytest.importorskip("skimage.feature")
    from sklearn.mixture import GaussianMixture

    mixture = random_mixture(laplacian=False)
    gmm = GaussianMixture(3, covariance_type="diag")
    gmm.weights_, gmm.means_ = mixture.weights, mixture.locations
    gmm.covariances_ = mixture.scales**2
    gmm.precisions_cholesky_ = 1 / mixture.scales
    words = np.random.default_rng(0).standard_normal((7, 4))
    # Theirs begins with the gradient for the weights, and has the other sign for the deviations.
    theirs = feature.fisher_vector(words, gmm)[3:]
    theirs[12:] *= -1
    found = raw(mixture)(words[None].astype(np.float32)).numpy()[0]
    np.testing.assert_allclose(found, theirs, atol=1e-5)
    improved = FisherVectors.of(mixture)(words[None].astype(np.float32)).numpy()[0]
    np.testing.assert_allclose(improved, signed_root_of_unit_length(theirs), atol=1e-5)


def batch(seed=0, dim=4):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((5, 6, dim)).astype(np.float32)
    return vectors, rng.random((5, 6)) < 0.6


@pytest.mark.parametrize("padding", [0.0, 1e30, np.inf, np.nan])
def test_padding_counts_nowhere(padding):
    vectors, mask = batch()
    mask[:, 0] = True
    layer = FisherVectors.of(random_mixture())
    expected = np.concatenate([layer(row[m][None]).numpy() for row, m in zip(vectors, mask)])
    vectors[~mask] = padding
    np.testing.assert_allclose(layer(vectors, mask=mask).numpy(), expected, atol=1e-5)
    wider = np.pad(vectors, ((0, 0), (0, 3), (0, 0)), constant_values=padding)
    mask = np.pad(mask, ((0, 0), (0, 3)))
    np.testing.assert_allclose(layer(wider, mask=mask).numpy(), expected, atol=1e-5)


def test_the_order_of_words_does_not_matter():
    vectors, _ = batch()
    layer = FisherVectors.of(random_mixture())
    np.testing.assert_allclose(layer(vectors), layer(vectors[:, ::-1].copy()), atol=1e-5)


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_an_empty_text_is_zeros(power):
    vectors, mask = batch()
    mask[2] = False
    found = FisherVectors.of(random_mixture(), power=power)(vectors, mask=mask).numpy()
    assert not found[2].any()
    np.testing.assert_allclose(np.linalg.norm(np.delete(found, 2, 0), axis=1), 1, atol=1e-5)


def test_far_words_and_a_centre_of_weight_zero():
    mixture = random_mixture()
    mixture.weights[:] = 0.4, 0, 0.6
    vectors, _ = batch()
    vectors[0] *= 1e6
    found = FisherVectors.of(mixture)(vectors).numpy().reshape(5, 2, 3, 4)
    assert np.isfinite(found).all()
    assert not found[:, :, 1].any()
    assert found[:, :, 0].any()


def test_saved_and_loaded(tmp_path):
    vectors, mask = batch()
    inputs = keras.Input((6, 4)), keras.Input((6,), dtype="bool")
    layer = FisherVectors.of(random_mixture(), power=0.7)
    model = keras.Model(inputs, layer(inputs[0], mask=inputs[1]))
    assert model.output_shape == (None, 24)
    assert not model.trainable_weights
    expected = model([vectors, mask]).numpy()
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded([vectors, mask]).numpy(), expected)
    model.export(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(served.serve((vectors, mask)), expected, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_in_a_graph(jit_compile):
    vectors, mask = batch()
    layer = FisherVectors.of(random_mixture())
    function = tf.function(lambda x, m: layer(x, mask=m), jit_compile=jit_compile)
    found = function(tf.constant(vectors), tf.constant(mask))
    np.testing.assert_allclose(found, layer(vectors, mask=mask), atol=1e-5)


def test_half_precision_around_it_changes_nothing():
    vectors, mask = batch()
    expected = FisherVectors.of(random_mixture())(vectors, mask=mask).numpy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = FisherVectors.of(random_mixture())(vectors, mask=mask).numpy()
    finally:
        keras.config.set_dtype_policy("float32")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`power`"):
        FisherVectors(2, 3, power=0)
    with pytest.raises(ValueError, match="dimension 3"):
        FisherVectors(2, 3)(np.zeros((1, 2, 4), "float32"))
