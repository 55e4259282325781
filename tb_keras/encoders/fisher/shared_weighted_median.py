"""Weighted medians of the same values under many weights, where these medians lie near together."""

from __future__ import annotations

import numpy as np

_ROWS = 8192  # rows compared with the brackets at a time
_SAMPLE = 2**15  # rows, at most, that the brackets are read from


def shared_weighted_medians(
    values: np.ndarray, weights: np.ndarray, widest: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the lower weighted medians of the columns under each weighting, where it is cheap.

    One bracket about the medians of a column, read from a sample, serves all its weightings: what
    lies below it is summed by a matrix product, and what lies within is sorted once. The sums tell
    which medians the bracket does hold; those are exact (as in `weighted_median`), and the others
    are left to the caller.

    Args:
        values: float `(n, columns)`, finite.
        weights: float `(n, K)`, not negative, each column with a positive sum.
        widest: in [0, 1]; a column whose bracket holds a greater share of the sample is left out.

    Returns:
        Two float64 `(K, columns)`: the medians, and the weighted mean absolute deviations from
        them. Both are NaN where the median was not found.

    Examples:
        >>> values = np.array([[1.0], [2.0], [9.0]])
        >>> medians, deviations = shared_weighted_medians(
        ...     values, np.array([[1, 1], [1, 1], [1, 3]])
        ... )
        >>> medians.ravel(), deviations.ravel()
        (array([2., 9.]), array([2.66666667, 3.        ]))
    """
    low, high, share = _brackets(values, weights)
    medians, deviations = np.full((2, weights.shape[1], values.shape[1]), np.nan)
    columns = np.flatnonzero(share <= widest)
    if not len(columns):
        return medians, deviations
    low, high = low[columns], high[columns]
    total = weights.sum(axis=0, dtype=np.float64)
    # Σ weight and Σ weight · (value − low): below the bracket, and of all values.
    below, below_moment, moment = np.zeros((3, len(columns), weights.shape[1]))
    inside: list[list[np.ndarray]] = [[] for _ in columns]
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS, columns]
        weight = weights[start : start + _ROWS].astype(np.float64)
        less = (block < low).astype(np.float64)
        offset = block.astype(np.float64) - low
        below += less.T @ weight
        moment += offset.T @ weight
        below_moment += (less * offset).T @ weight
        for rows, within in zip(inside, ((block >= low) & (block <= high)).T):
            rows.append(start + np.flatnonzero(within))
    for index, column in enumerate(columns):
        rows = np.concatenate(inside[index])
        rows = rows[np.argsort(values[rows, column])]
        value = values[rows, column].astype(np.float64)
        place, reached, reached_moment = _places(
            np.take(weights, rows, axis=0).astype(np.float64),
            value - low[index],
            total / 2 - below[index],
        )
        median = value[place]
        to_median = below[index] + reached
        found = (below[index] < total / 2) & (total / 2 <= to_median)
        # Σ w |v − m| = Σ w (v − m) + 2 Σ_{v ≤ m} w (m − v)
        shift = median - low[index]
        deviation = moment[index] - total * shift
        deviation += 2 * (to_median * shift - below_moment[index] - reached_moment)
        medians[found, column] = median[found]
        deviations[found, column] = np.maximum(deviation, 0.0)[found] / total[found]
    return medians, deviations


def _brackets(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each column: two values about the medians of a sample, and its share between them."""
    step = max(len(values) // _SAMPLE, 1)
    sample, sampled_weights = values[::step], weights[::step].astype(np.float64)
    margin = 2 / np.sqrt(len(sample)) if step > 1 else 1 / len(sample)
    half = sampled_weights.sum(axis=0) / 2
    low, high, share = np.empty((3, values.shape[1]))
    for column in range(values.shape[1]):
        order = np.argsort(sample[:, column])
        ordered, value = (
            np.take(sampled_weights, order, axis=0),
            sample[order, column].astype(np.float64),
        )
        first = _places(ordered, value, half * (1 - 2 * margin))[0].min()
        last = _places(ordered, value, half * (1 + 2 * margin))[0].max()
        low[column], high[column] = value[first], value[last]
        share[column] = (last - first + 1) / len(sample)
    return low, high, share


def _places(
    weights: np.ndarray, values: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the cumulative weights reach the targets, without a cumulative sum over all rows.

    Sums of √n rows each, by matrix products, tell in which of them it happens.

    Args:
        weights: float64 `(n, K)`.
        values: float64 `(n,)`.
        targets: float64 `(K,)`.

    Returns:
        int `(K,)`, the first row up to which the weights sum to the target, the last if none; and
        two float64 `(K,)`, Σ weight and Σ weight · value up to that row.
    """
    num_rows, num_weights = weights.shape
    size = int(np.sqrt(num_rows)) + 1
    parts = num_rows // size
    factors = np.ones((parts, 2, size))
    factors[:, 1] = values[: parts * size].reshape(parts, size)
    sums = np.zeros((parts + 1, 2, num_weights))
    np.matmul(factors, weights[: parts * size].reshape(parts, size, num_weights), out=sums[1:])
    np.cumsum(sums, axis=0, out=sums)
    part = (sums[1:, 0] < targets).sum(axis=0)
    every = np.arange(num_weights)
    rows = part * size + np.arange(size)[:, None]
    within = np.where(rows < num_rows, weights[np.minimum(rows, num_rows - 1), every], 0.0)
    moments = within * values[np.minimum(rows, num_rows - 1)]
    within, moments = np.cumsum([within, moments], axis=1)
    within, moments = within + sums[part, 0, every], moments + sums[part, 1, every]
    row = np.minimum((within < targets).sum(axis=0), size - 1)
    places = np.minimum(part * size + row, num_rows - 1)
    return places, within[row, every], moments[row, every]
