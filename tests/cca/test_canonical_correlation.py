"""Tests of CCA in closed form."""

import numpy as np
import pytest

from tb_keras.cca.canonical_correlation import canonical_directions
from tb_keras.cca.covariances import PairCovariances, pair_covariances
from tb_keras.corpus.corpus import Corpus


def covariances_of(rng, image_dim, text_dim, rows=200, shared=3):
    """Of two views with some hidden directions in common."""
    hidden = rng.normal(size=(rows, shared))
    views = [
        hidden @ rng.normal(size=(shared, dim)) + rng.normal(size=(rows, dim))
        for dim in (image_dim, text_dim)
    ]
    both = np.cov(np.concatenate(views, axis=1).T)
    scales = np.zeros(image_dim), np.ones(image_dim), np.zeros(text_dim), np.ones(text_dim)
    d = image_dim
    return PairCovariances(*scales, both[:d, :d], both[:d, d:], both[d:, d:])


@pytest.mark.parametrize(("image_dim", "text_dim"), [(5, 8), (8, 5), (6, 6)])
@pytest.mark.parametrize("regularization", [0.0, 0.1, 3.0])
def test_directions_are_those_of_the_whitened_cross_covariances_singular_vectors(
    image_dim, text_dim, regularization
):
    """Another way: inverse square roots by eigenvectors, and a singular value decomposition."""
    covariances = covariances_of(np.random.default_rng(1), image_dim, text_dim)
    roots, regularized = [], []
    for covariance in (covariances.images, covariances.texts):
        size = len(covariance)
        ridge = regularization * np.trace(covariance) / size * np.eye(size)
        values, vectors = np.linalg.eigh(covariance + ridge)
        roots.append(vectors / np.sqrt(values) @ vectors.T)
        regularized.append(covariance + ridge)
    left, expected, right = np.linalg.svd(roots[0] @ covariances.cross @ roots[1])
    size = min(image_dim, text_dim)
    for dim in (None, 1, 3, size, 99):
        found = canonical_directions(covariances, regularization, dim)
        kept = min(dim or size, size)
        assert found.images.shape == (image_dim, kept)
        assert found.texts.shape == (text_dim, kept)
        np.testing.assert_allclose(found.correlations, expected[:kept], rtol=1e-6)
        for column in range(kept):  # the sign is common to both views, and free
            both = np.outer(found.images[:, column], found.texts[:, column])
            theirs = np.outer(roots[0] @ left[:, column], roots[1] @ right[column])
            np.testing.assert_allclose(both, theirs, rtol=1e-5, atol=1e-8)
        for directions, covariance in zip(found[:2], regularized):
            np.testing.assert_allclose(
                directions.T @ covariance @ directions, np.eye(kept), atol=1e-6
            )


def test_penalties_take_the_place_of_the_mean_variance():
    rng = np.random.default_rng(2)
    covariances = covariances_of(rng, 5, 4)
    penalties = [
        covariance.trace() / len(covariance) * np.eye(len(covariance))
        for covariance in (covariances.images, covariances.texts)
    ]
    expected = canonical_directions(covariances, 0.3)
    for part, same in zip(canonical_directions(covariances, 0.3, penalties=penalties), expected):
        np.testing.assert_allclose(part, same, rtol=1e-9, atol=1e-12)
    roots = [rng.normal(size=(dim, 9)) for dim in (5, 4)]
    penalties = [root @ root.T for root in roots]
    found = canonical_directions(covariances, 0.3, penalties=penalties)
    for directions, covariance, penalty in zip(
        found[:2], (covariances.images, covariances.texts), penalties
    ):
        unit = directions.T @ (covariance + 0.3 * penalty) @ directions
        np.testing.assert_allclose(unit, np.eye(4), atol=1e-8)
    np.testing.assert_allclose(
        found.images.T @ covariances.cross @ found.texts, np.diag(found.correlations), atol=1e-8
    )


@pytest.mark.parametrize("order", [1, -1])
def test_a_direction_without_correlation_is_zero(order):
    """Only the first two columns of either view have to do with each other."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(500, 2))
    views = [np.concatenate([hidden, np.full((500, 1), 4.0)], axis=1), np.repeat(hidden, 2, axis=1)]
    images, texts = views[::order]
    corpus = Corpus(np.arange(500), image_features=images, text_features=texts)
    found = canonical_directions(pair_covariances(corpus), 0.1)
    assert len(found.correlations) == 3
    assert found.correlations[1] > 0.9
    assert found.correlations[2] == 0
    for directions in found[:2]:
        assert np.isfinite(directions).all()
        assert not directions[:, 2].any()
        assert directions[:, :2].any(axis=0).all()


def test_wrong_arguments_are_named():
    covariances = covariances_of(np.random.default_rng(0), 4, 3)
    for wrong in (-0.1, float("nan")):
        with pytest.raises(ValueError, match=r"`regularization` must be at least 0. Received: "):
            canonical_directions(covariances, wrong)
    for wrong in (0, 1.5):
        with pytest.raises(ValueError, match=r"`dim` must be a positive int. Received: dim="):
            canonical_directions(covariances, 0.1, dim=wrong)
