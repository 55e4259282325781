"""Tests of the weighted medians, alone and shared: against every candidate by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.fisher import shared_weighted_median, weighted_median
from tb_keras.encoders.fisher.shared_weighted_median import shared_weighted_medians
from tb_keras.encoders.fisher.weighted_median import weighted_medians


def by_definition(row, weights):
    """The smallest value up to which half of the weight lies, by trying all."""
    half = weights.sum(dtype=np.float64) / 2
    return min(v for v in row if weights[row <= v].sum(dtype=np.float64) >= half)


def absolute_deviation(row, weights, location):
    return float((weights * np.abs(row - location)).sum())


@st.composite
def weighted_values(draw):
    """A few values with many ties, and whole weights: sums of them are exact."""
    size = draw(st.integers(1, 40))
    values = draw(st.lists(st.integers(-5, 5), min_size=size, max_size=size))
    weights = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(any))
    return np.array([values], np.float64) / 4, np.array(weights, np.float64)


@given(weighted_values())
def test_a_short_row(drawn):
    values, weights = drawn
    assert weighted_medians(values, weights)[0] == by_definition(values[0], weights)


@given(weighted_values())
def test_no_value_has_a_smaller_deviation(drawn):
    values, weights = drawn
    found = weighted_medians(values, weights)[0]
    least = min(absolute_deviation(values[0], weights, v) for v in values[0])
    assert absolute_deviation(values[0], weights, found) == least


def ordered_median(row, weights):
    """As `by_definition`, fast enough for long rows."""
    order = np.argsort(row)
    sums = np.cumsum(weights[order].astype(np.float64))
    return row[order[np.searchsorted(sums, sums[-1] / 2)]]


WEIGHTS = {
    "equal": lambda rng, n: np.ones(n),
    "random": lambda rng, n: rng.integers(0, 1000, n).astype(float),
    "few": lambda rng, n: (rng.random(n) < 0.001).astype(float),
    "one": lambda rng, n: np.eye(1, n, n // 2)[0],  # no sample sees it
    "one heavy": lambda rng, n: np.where(np.arange(n) == 7, 3.0 * n, 1.0),
}
VALUES = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "ascending": lambda rng, n: np.arange(n, dtype=float),
    "ties": lambda rng, n: rng.integers(0, 4, n).astype(float),
    "constant": lambda rng, n: np.full(n, 2.0),
    "periodic": lambda rng, n: np.arange(n) % 17.0,  # a strided sample sees it askew
}


@pytest.mark.parametrize("kind_of_weights", WEIGHTS)
@pytest.mark.parametrize("kind_of_values", VALUES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_long_rows(kind_of_weights, kind_of_values, dtype):
    rng = np.random.default_rng(0)
    weights = WEIGHTS[kind_of_weights](rng, 20_000)
    values = np.stack([VALUES[kind_of_values](rng, 20_000) for _ in range(2)]).astype(dtype)
    found = weighted_medians(values, weights)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, [ordered_median(row, weights) for row in values])


def test_long_rows_are_not_sorted_whole(monkeypatch):
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal((5, 50_000)), rng.random(50_000)
    sorted_numbers, sort = [], weighted_median._by_sorting
    monkeypatch.setattr(
        weighted_median,
        "_by_sorting",
        lambda values, *rest: sorted_numbers.append(values.size) or sort(values, *rest),
    )
    weighted_medians(values, weights)
    assert sum(sorted_numbers) < 0.2 * values.size


@pytest.mark.parametrize("kind_of_weights", WEIGHTS)
@pytest.mark.parametrize("kind_of_values", VALUES)
@pytest.mark.parametrize("size", [1, 2, 30, 20_000, 70_000])
def test_shared_medians_are_right_or_left_out(kind_of_weights, kind_of_values, size):
    rng = np.random.default_rng(0)
    weights = np.stack(
        [np.ones(size), WEIGHTS[kind_of_weights](rng, size) + (size < 10)], axis=1
    ).astype(np.float64)
    weights[:, 1] += weights[:, 1].sum() == 0
    values = np.stack([VALUES[kind_of_values](rng, size) for _ in range(3)], axis=1)
    medians, deviations = shared_weighted_medians(values, weights)
    expected = np.array([[ordered_median(v, w) for v in values.T] for w in weights.T])
    found = np.isfinite(medians)
    np.testing.assert_array_equal(medians[found], expected[found])
    expected = np.array(
        [
            [absolute_deviation(v, w, m) / w.sum() for v, m in zip(values.T, row)]
            for w, row in zip(weights.T, expected)
        ]
    )
    np.testing.assert_allclose(deviations[found], expected[found], rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(np.isnan(deviations), ~found)
    if kind_of_values == "normal" and kind_of_weights in ("equal", "random"):
        assert found.all()


def test_a_column_with_too_wide_a_bracket_is_left_out():
    near = np.arange(100.0)
    weights = np.stack([near < 10, near >= 90], axis=1).astype(float)
    medians, _ = shared_weighted_medians(near[:, None], weights, widest=0.5)
    assert np.isnan(medians).all()
    medians, _ = shared_weighted_medians(near[:, None], weights, widest=1.0)
    np.testing.assert_array_equal(medians.ravel(), [4, 94])


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_places_are_those_of_the_cumulative_sum(size, seed):
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 5, (size, 3)).astype(float)
    values = rng.standard_normal(size)
    sums = np.cumsum(weights, axis=0)
    targets = np.floor(rng.random(3) * sums[-1])
    places, reached, moments = shared_weighted_median._places(weights, values, targets)
    expected = [np.searchsorted(column, target) for column, target in zip(sums.T, targets)]
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(reached, sums[expected, range(3)])
    np.testing.assert_allclose(
        moments, np.cumsum(weights * values[:, None], axis=0)[expected, range(3)], atol=1e-9
    )
