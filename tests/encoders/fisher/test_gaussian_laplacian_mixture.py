"""Tests of the mixture: its densities against SciPy's, and at the edges."""

import numpy as np
import pytest

from tests.encoders.fisher.mixture_oracle import by_scipy, random_mixture


@pytest.mark.parametrize("laplacian", [None, False, True])
def test_densities(laplacian):
    mixture = random_mixture(laplacian=laplacian)
    x = np.random.default_rng(1).standard_normal((20, 4)) * 3
    expected = np.stack([by_scipy(mixture, row) for row in x])
    np.testing.assert_allclose(mixture.log_joint(x), expected, atol=1e-10)
    densities = np.exp(expected).sum(axis=1)
    np.testing.assert_allclose(mixture.log_densities(x), np.log(densities), atol=1e-10)
    posteriors = np.exp(expected) / densities[:, None]
    np.testing.assert_allclose(mixture.posteriors(x), posteriors, atol=1e-10)


def test_single_precision_keeps_its_digits_far_from_zero():
    mixture = random_mixture()
    mixture.locations[:] += 1000
    x = (mixture.locations[[0, 1, 2]] + 0.5).astype(np.float32)
    found = mixture.log_joint(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, mixture.log_joint(x.astype(np.float64)), rtol=1e-4)


def test_a_density_integrates_to_one():
    mixture = random_mixture(centers=2, dim=2)
    line = np.linspace(-15, 15, 601)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    mass = np.exp(mixture.log_densities(grid)).sum() * (line[1] - line[0]) ** 2
    assert mass == pytest.approx(1, abs=2e-3)


def test_far_vectors_and_a_centre_of_weight_zero_give_no_nan():
    mixture = random_mixture()
    mixture.weights[:] = 0.5, 0.5, 0.0
    x = np.full((1, 4), 1e4, np.float32)
    posteriors = mixture.posteriors(x)
    assert posteriors[0, 2] == 0
    assert posteriors.sum() == pytest.approx(1)
    assert np.isfinite(mixture.log_densities(x)).all()


def test_a_vector_without_a_density_is_refused():
    with pytest.raises(FloatingPointError, match="no finite log density"):
        random_mixture().log_joint(np.array([[0.0, np.nan, 0.0, 0.0]]))
