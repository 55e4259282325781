"""Tests of the weighted medians, against their definition by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.fisher import weighted_median
from tb_keras.encoders.fisher.weighted_median import weighted_medians


def by_definition(column, weights):
    """The smallest value up to which half of the weight lies, by trying all."""
    half = weights.sum(dtype=np.float64) / 2
    return min(v for v in column if weights[column <= v].sum(dtype=np.float64) >= half)


def absolute_deviation(column, weights, location):
    return float((weights * np.abs(column - location)).sum() / weights.sum())


@st.composite
def weighted_values(draw):
    """A few values with many ties, and whole weights: sums of them are exact."""
    size = draw(st.integers(1, 40))
    values = draw(st.lists(st.integers(-5, 5), min_size=size, max_size=size))
    weights = draw(st.lists(st.integers(0, 4), min_size=size, max_size=size).filter(any))
    return np.array(values, np.float64)[:, None] / 4, np.array(weights, np.float64)


@given(weighted_values(), st.integers(1, 50))
def test_a_few_values_in_blocks_of_any_size(drawn, block_rows):
    values, weights = drawn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weighted_median, "_BLOCK_ROWS", block_rows)
        medians, deviations = weighted_medians(values, np.stack([weights, weights[::-1]], axis=1))
    for k, w in enumerate((weights, weights[::-1])):
        assert medians[k, 0] == by_definition(values[:, 0], w)
        # No value has a smaller deviation.
        least = min(absolute_deviation(values[:, 0], w, v) for v in values[:, 0])
        assert deviations[k, 0] == pytest.approx(least, abs=1e-12)


WEIGHTS = {
    "equal": lambda rng, n: np.ones(n),
    "random": lambda rng, n: rng.integers(0, 1000, n).astype(float),
    "few": lambda rng, n: (rng.random(n) < 0.001).astype(float),
    "one": lambda rng, n: np.eye(1, n, n // 2)[0],
    "one heavy": lambda rng, n: np.where(np.arange(n) == 7, 3.0 * n, 1.0),
}
VALUES = {
    "normal": lambda rng, n: rng.standard_normal(n),
    "ties": lambda rng, n: rng.integers(0, 4, n).astype(float),
    "constant": lambda rng, n: np.full(n, 2.0),
    "far from zero": lambda rng, n: 1e4 + rng.standard_normal(n),
}


def ordered_median(column, weights):
    """As `by_definition`, fast enough for many values."""
    order = np.argsort(column)
    sums = np.cumsum(weights[order].astype(np.float64))
    return column[order[np.searchsorted(sums, sums[-1] / 2)]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_values(dtype):
    rng = np.random.default_rng(0)
    values = np.stack([draw(rng, 20_000) for draw in VALUES.values()], axis=1).astype(dtype)
    weights = np.stack([draw(rng, 20_000) for draw in WEIGHTS.values()], axis=1).astype(dtype)
    medians, deviations = weighted_medians(values, weights)
    expected = np.array([[ordered_median(v, w) for v in values.T] for w in weights.T])
    np.testing.assert_array_equal(medians, expected)
    expected = [
        [absolute_deviation(v.astype(np.float64), w, m) for v, m in zip(values.T, row)]
        for w, row in zip(weights.T.astype(np.float64), expected)
    ]
    np.testing.assert_allclose(deviations, expected, rtol=1e-9, atol=1e-9)
