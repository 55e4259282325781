"""The weighted median of each row, exactly, without sorting most of it."""

from __future__ import annotations

import numpy as np

_SMALL = 2048  # a shorter row is sorted whole


def weighted_medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the lower weighted median of each row.

    That is the smallest value `m` of the row whose weight of values up to `m` reaches half of the
    whole; it minimises Σ weight · |value − m|. The sums are in float64.

    Long rows are not sorted whole: a sample of the row brackets its median, the weight below the
    bracket is summed, and only what lies within is sorted. The sum tells whether the bracket holds
    the median; where it does not, the row is sorted after all. So the sample costs no exactness.

    Args:
        values: float `(rows, n)`, finite, n ≥ 1.
        weights: float `(n,)`, not negative, not all zero; shared by the rows.

    Returns:
        `(rows,)`, the dtype of `values`.

    Examples:
        >>> weighted_medians(
        ...     np.array([[3.0, 1.0, 2.0], [5.0, 6.0, 7.0]]), np.array([1.0, 1.0, 3.0])
        ... )
        array([2., 7.])
    """
    weights = np.asarray(weights, np.float64)
    half = weights.sum() / 2
    if len(weights) <= _SMALL:
        return _by_sorting(values, weights, half)
    medians = np.empty(len(values), values.dtype)
    step = int(len(weights) ** (1 / 3))
    for row, low, high in zip(range(len(values)), *_brackets(values, weights, step)):
        line = values[row]
        below = weights @ (line < low)
        inside = np.flatnonzero((line >= low) & (line <= high))
        if below < half <= below + weights[inside].sum():
            medians[row] = _by_sorting(line[None, inside], weights[inside], half - below)[0]
        else:
            medians[row] = _by_sorting(line[None], weights, half)[0]
    return medians


def _brackets(values: np.ndarray, weights: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of each row about four standard errors of a sample's median below and above it."""
    sample, sampled_weights = values[:, ::step], weights[::step]
    order = np.argsort(sample, axis=1)
    cumulative = np.cumsum(sampled_weights[order], axis=1)
    share = cumulative / np.maximum(cumulative[:, -1:], np.finfo(np.float64).tiny)
    margin = 2 / np.sqrt(sample.shape[1])  # the median's share deviates by 0.5/√size
    last = sample.shape[1] - 1
    places = [np.minimum((share < 0.5 + side).sum(axis=1), last) for side in (-margin, margin)]
    rows = np.arange(len(values))
    low, high = (sample[rows, order[rows, place]] for place in places)
    return low, high


def _by_sorting(values: np.ndarray, weights: np.ndarray, half: float) -> np.ndarray:
    order = np.argsort(values, axis=1)
    cumulative = np.cumsum(weights[order], axis=1)
    # Rounding may leave the last sum just under half; the last value it is, then.
    place = np.minimum((cumulative < half).sum(axis=1), values.shape[1] - 1)
    return np.take_along_axis(values, np.take_along_axis(order, place[:, None], 1), 1)[:, 0]
