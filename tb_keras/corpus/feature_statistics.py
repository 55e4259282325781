"""Mean and deviation of feature dimensions, and features standardised by them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

BLOCK_VALUES = 2**24  # features in a block: 64 MiB in float32, 128 in float64
FeatureMap = Callable[[np.ndarray], np.ndarray]  # (n, feature_dim) to (n, any size)


def mean_and_deviation(
    features: ArrayLike, counts: np.ndarray | None = None, take: FeatureMap = np.asarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns mean and deviation, float64 `(dim,)`, of rows that count so many times each.

    A dimension that hardly varies has a hundredth of the mean deviation, so that no later row is
    blown up.

    Args:
        features: float `(n, feature_dim)`; memory maps are read block by block.
        counts: int `(n,)`, at least 0, not all of them 0; each row counts once if None.
        take: called on each block of rows; the statistics are those of what it returns.

    Examples:
        >>> mean_and_deviation(np.array([[0.0], [2.0]]), np.array([1, 3]))
        (array([1.5]), array([0.8660254]))
    """
    features = np.asanyarray(features)
    counts = np.ones(len(features)) if counts is None else counts.astype(np.float64)
    size = take(features[:1]).shape[1]
    total, squares = np.zeros(size), np.zeros(size)
    step = max(1, BLOCK_VALUES // (4 * max(size, features.shape[1])))
    for start in range(0, len(features), step):
        rows = np.asarray(take(features[start : start + step]), np.float64)
        total += counts[start : start + step] @ rows
        squares += counts[start : start + step] @ (rows * rows)
    mean = total / counts.sum()
    deviation = np.sqrt(np.maximum(squares / counts.sum() - mean * mean, 0.0))
    return mean, np.maximum(deviation, 0.01 * deviation.mean() + 1e-12)


def standardized(rows: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Returns (rows - mean) / deviation, a new array of the rows' type, at least float32.

    Examples:
        >>> standardized(
        ...     np.array([[3.0, 1.0]], np.float16), np.array([1.0, 1.0]), np.array([2.0, 1.0])
        ... )
        array([[1., 0.]], dtype=float32)
    """
    dtype = product_type(rows)
    standard = rows.astype(dtype)
    standard -= mean.astype(dtype)
    standard /= deviation.astype(dtype)
    return standard


def product_type(features: np.ndarray) -> np.dtype:
    """Returns the type that products of features are taken in: their own, at least float32."""
    return np.promote_types(features.dtype, np.float32)
