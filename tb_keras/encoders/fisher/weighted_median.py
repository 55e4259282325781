"""Weighted medians of the same values under many weightings."""

from __future__ import annotations

import numpy as np

_BLOCK_ROWS = 1024


def weighted_medians(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the lower weighted medians of each column, with their mean absolute deviations.

    The median is the smallest value m of the column such that the values up to m have half of the
    weight. It minimises Σ weight · |value − m|.

    Each column is sorted once for all weightings. The weights are summed in that order, block by
    block, and then row by row within the block where a weighting reaches its half. Sums are in
    float64; memory beyond the arguments is a few numbers a row.

    Args:
        values: float `(n, columns)`, finite, n ≥ 1.
        weights: float `(n, K)`, not negative; each column has a positive sum.

    Returns:
        Two float64 arrays `(K, columns)`: the medians, and the weighted means of |value − median|.

    Examples:
        >>> values = np.array([[1.0], [2.0], [9.0]])
        >>> medians, deviations = weighted_medians(values, np.array([[1, 1], [1, 1], [1, 3]]))
        >>> medians.ravel(), deviations.ravel().round(3)
        (array([2., 9.]), array([2.667, 3.   ]))
    """
    medians, deviations = np.empty((2, weights.shape[1], values.shape[1]))
    for column, value in enumerate(np.ascontiguousarray(values.T)):
        medians[:, column], deviations[:, column] = _of_column(value, weights)
    return medians, deviations


def _of_column(value: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(value)
    ordered = value[order].astype(np.float64)
    value = ordered - ordered[len(order) // 2]  # keeps the moments small
    # Σ weight and Σ weight · value of each block.
    starts = range(0, len(order), _BLOCK_ROWS)
    sums = np.empty((len(starts), 2, weights.shape[1]))
    for block, start in zip(sums, starts):
        rows = slice(start, start + _BLOCK_ROWS)
        factors = np.stack([np.ones(len(value[rows])), value[rows]])
        np.matmul(factors, np.take(weights, order[rows], axis=0).astype(np.float64), out=block)
    np.cumsum(sums, axis=0, out=sums)
    total, moment = sums[-1]
    # The first block up to which half of the weight lies, and the first row within it.
    blocks = (sums[:-1, 0] < total / 2).sum(axis=0)
    columns = np.arange(weights.shape[1])
    before = np.where(blocks[:, None] > 0, sums[blocks - 1, :, columns], 0.0)
    rows = blocks * _BLOCK_ROWS + np.arange(min(_BLOCK_ROWS, len(order)))[:, None]
    there = np.minimum(rows, len(order) - 1)
    weight = np.where(rows < len(order), weights[order[there], columns], 0.0)
    reached = before[:, 0] + np.cumsum(weight, axis=0, dtype=np.float64)
    place = np.minimum((reached < total / 2).sum(axis=0), len(rows) - 1)
    at = there[place, columns]
    median = value[at]
    # Σ w |v − m| = Σ w (v − m) + 2 Σ_{v ≤ m} w (m − v)
    moments = before[:, 1] + np.cumsum(weight * value[there], axis=0)[place, columns]
    deviation = moment - total * median + 2 * (reached[place, columns] * median - moments)
    return ordered[at], np.maximum(deviation, 0.0) / total
