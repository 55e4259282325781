"""Tests of expectation-maximisation: one step by brute force, scikit-learn's mixture, its rise."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from tb_keras.encoders.fisher import expectation_maximization, mixture_fitting
from tb_keras.encoders.fisher.expectation_maximization import ExpectationMaximization
from tb_keras.encoders.fisher.mixture_fitting import KINDS, fit_mixture
from tests.cases import examples
from tests.encoders.fisher.mixture_oracle import by_scipy, random_mixture


def clusters(n=600, dim=4, seed=0, dtype=np.float64):
    """Two Gaussian and two Laplacian clusters in turns, of different sizes."""
    rng = np.random.default_rng(seed)
    which = rng.choice(4, n, p=[0.1, 0.2, 0.3, 0.4])
    noise = np.where(which[:, None] % 2, rng.laplace(size=(n, dim)), rng.normal(size=(n, dim)))
    return (rng.normal(0, 3, (4, dim))[which] + noise).astype(dtype)


def steps_over(x, kind, variance_floor=1e-3):
    mean, variance = mixture_fitting._mean_and_variance(x)
    return ExpectationMaximization(x, kind, mean, np.sqrt(variance_floor * variance), map)


def step_by_definition(x, mixture, kind):
    """An EM step with loops: each dimension of each centre tries all that it may be."""
    joint = np.stack([by_scipy(mixture, row) for row in x])
    posteriors = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
    shape = mixture.locations.shape
    locations, scales, laplacian = np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
    for k, d in np.ndindex(shape):
        t, values = posteriors[:, k], x[:, d]
        mean = np.average(values, weights=t)
        deviation = np.sqrt(np.average((values - mean) ** 2, weights=t))
        deviations = [np.average(np.abs(values - v), weights=t) for v in values]
        median, spread = values[np.argmin(deviations)], min(deviations)
        gaussian = (t * -(np.log(deviation) + ((values - mean) / deviation) ** 2 / 2)).sum()
        gaussian -= t.sum() * np.log(2 * np.pi) / 2
        laplace = (t * -(np.log(2 * spread) + np.abs(values - median) / spread)).sum()
        laplacian[k, d] = kind == "laplacian" or (kind == "hybrid" and laplace > gaussian)
        locations[k, d], scales[k, d] = (median, spread) if laplacian[k, d] else (mean, deviation)
    return posteriors.mean(axis=0), locations, scales, laplacian


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_is_that_of_the_definition(kind):
    x = clusters(150)
    before = random_mixture(laplacian={"gaussian": False, "laplacian": True}.get(kind))
    before = dataclasses.replace(before, locations=x[:3], scales=4 * before.scales)
    steps = steps_over(x, kind, variance_floor=1e-9)
    after = steps.maximization(steps.expectation(before), before)
    weights, locations, scales, laplacian = step_by_definition(x, before, kind)
    # Posteriors under 1e-8 count as 0.
    np.testing.assert_allclose(after.weights, weights, atol=1e-7)
    np.testing.assert_array_equal(after.laplacian, laplacian)
    np.testing.assert_allclose(after.locations, locations, atol=1e-6)
    np.testing.assert_allclose(after.scales, scales, rtol=1e-6)


@examples(25)
@given(st.sampled_from(KINDS), st.integers(2, 5), st.integers(0, 2**32 - 1), st.booleans())
def test_the_likelihood_never_falls(kind, num_centers, seed, ties):
    x = clusters(200, 3, seed)
    if ties:
        x = x.round()
    mixture = fit_mixture(x, num_centers, kind, tolerance=0, seed=seed % 100, verbose=False)
    rises = np.diff(mixture.log_likelihoods)
    assert rises.min(initial=0) > -num_centers * 1e-8


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_not_fall_in_single_precision_and_many_dimensions(kind):
    x = clusters(3000, 100, dtype=np.float32)
    mixture = fit_mixture(x, 5, kind, tolerance=-1, max_iterations=8, verbose=False)
    assert len(mixture.log_likelihoods) == 8
    assert np.diff(mixture.log_likelihoods).min() > -1e-5 * abs(mixture.log_likelihoods[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_it_does_not_fall_when_it_goes_from_the_sample_to_all(kind, monkeypatch):
    monkeypatch.setattr(mixture_fitting, "_SAMPLE", 200)
    monkeypatch.setattr(expectation_maximization, "_BLOCK_ROWS", 128)
    x = clusters(1000)
    mixture = fit_mixture(x, 4, kind, tolerance=-1, verbose=False)
    assert np.diff(mixture.log_likelihoods).min() > -1e-7
    alone = fit_mixture(x[:400], 4, kind, verbose=False)  # 400 vectors are fitted at once
    np.testing.assert_allclose(
        mixture.log_densities(x).mean(), alone.log_densities(x).mean(), atol=0.3
    )


def test_the_gaussian_end_is_scikit_learns():
    x = clusters()
    mixture = fit_mixture(x, 4, "gaussian", tolerance=0, max_iterations=300, verbose=False)
    assert not mixture.laplacian.any()
    other = GaussianMixture(
        4,
        covariance_type="diag",
        weights_init=mixture.weights,
        means_init=mixture.locations,
        precisions_init=mixture.scales**-2,
        reg_covar=0,
        tol=1e-9,
        max_iter=300,
    ).fit(x)
    np.testing.assert_allclose(mixture.locations, other.means_, atol=1e-3)
    np.testing.assert_allclose(mixture.scales**2, other.covariances_, rtol=1e-3)
    np.testing.assert_allclose(mixture.log_densities(x), other.score_samples(x), atol=1e-2)


def test_the_hybrid_is_at_least_as_likely_as_its_ends():
    x = clusters(2000)
    likelihood = {
        kind: fit_mixture(x, 4, kind, tolerance=0, verbose=False).log_likelihoods[-1]
        for kind in KINDS
    }
    assert likelihood["hybrid"] >= max(likelihood["gaussian"], likelihood["laplacian"])


def test_the_kinds_of_well_separated_clusters_are_found():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-20, 1, (2000, 3)), rng.laplace(20, 2, (1000, 3))])
    mixture = fit_mixture(x, 2, verbose=False)
    first, second = mixture.locations[:, 0].argsort()
    assert not mixture.laplacian[first].any()
    assert mixture.laplacian[second].all()
    np.testing.assert_allclose(mixture.weights[[first, second]], [2 / 3, 1 / 3])
    np.testing.assert_allclose(mixture.scales[[first, second]], [[1] * 3, [2] * 3], rtol=0.1)


def test_the_medians_of_centres_with_and_without_vectors():
    x = np.random.default_rng(0).standard_normal((3000, 20))
    posteriors = np.random.default_rng(1).random((3000, 6))
    posteriors[:, 2] = 0  # a centre without a vector
    posteriors[:, 4] *= x[:, 0] > 2.5  # and one far from the others
    medians, deviations = steps_over(x, "laplacian")._medians(posteriors)
    assert np.isnan(medians[2]).all()
    for k in (0, 1, 3, 4, 5):
        for d in range(20):
            t, values = posteriors[:, k], x[:, d]
            order = values.argsort()
            half = t.sum() / 2
            expected = values[order[np.searchsorted(np.cumsum(t[order]), half)]]
            assert medians[k, d] == expected
            spread = np.average(np.abs(values - expected), weights=t)
            assert deviations[k, d] == pytest.approx(spread)


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_distinct_vectors_than_centres(kind):
    x = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    mixture = fit_mixture(x, 5, kind, verbose=False)
    assert mixture.weights.sum() == pytest.approx(1)
    assert (mixture.weights == 0).sum() == 2
    for array in (mixture.locations, mixture.scales, mixture.log_likelihoods):
        assert np.isfinite(array).all()
    assert (mixture.scales > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_dimension_and_equal_vectors(kind):
    x = clusters(100)
    x[:, 1] = 7.0
    for vectors in (x, np.full((10, 4), 3.0)):
        mixture = fit_mixture(vectors, 2, kind, verbose=False)
        assert np.isfinite(mixture.log_densities(vectors)).all()


def test_the_same_seed_gives_the_same_mixture():
    first, again = (fit_mixture(clusters(), 4, seed=3, verbose=False) for _ in range(2))
    np.testing.assert_array_equal(first.locations, again.locations)
    assert first.log_likelihoods == again.log_likelihoods


def test_memory_mapped_vectors(tmp_path):
    np.save(tmp_path / "x.npy", clusters(dtype=np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    found = fit_mixture(mapped, 4, verbose=False)
    expected = fit_mixture(np.array(mapped), 4, verbose=False)
    np.testing.assert_array_equal(found.locations, expected.locations)


def test_progress_is_shown(capsys):
    fit_mixture(clusters(100), 2, max_iterations=2)
    assert "log_likelihood" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "cauchy"}, "`kind`"),
        ({"num_centers": 0}, "`num_centers`"),
        ({"num_centers": 601}, "`num_centers`.*601 for 600"),
        ({"max_iterations": 0}, "`max_iterations`"),
        ({"vectors": np.zeros((3, 2), int)}, "`vectors`.*int64"),
        ({"vectors": np.zeros(3)}, "`vectors`.*shape"),
        ({"vectors": np.array([[0, np.nan], [0, 1.0]]), "num_centers": 1}, "finite.*dimension 1"),
    ],
)
def test_wrong_arguments(changes, message):
    with pytest.raises(ValueError, match=message):
        fit_mixture(**{"vectors": clusters(), "num_centers": 3, "verbose": False, **changes})
