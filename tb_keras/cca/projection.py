"""The map of one view onto directions, linear or by a kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.landmark_kernel import LandmarkKernel
from tb_keras.corpus.feature_statistics import BLOCK_VALUES, product_type, standardized


class Projection(NamedTuple):
    """Standardises features of one view, or their kernel, and multiplies them by directions.

    Attributes:
        mean: float64 `(feature_dim,)`, or `(landmarks,)` with a kernel.
        deviation: float64 of the same shape, positive.
        directions: float64 `(feature_dim, dim)`, or `(landmarks, dim)`.
        kernel: called on the features first; None to take them as they are.
    """

    mean: np.ndarray
    deviation: np.ndarray
    directions: np.ndarray
    kernel: LandmarkKernel | None = None

    def __call__(self, features: ArrayLike) -> np.ndarray:
        """Returns the projected features, float32 `(n, dim)`.

        Args:
            features: float `(n, feature_dim)`; memory maps are read block by block.

        Examples:
            >>> projection = Projection(np.array([1.0, 0.0]), np.array([2.0, 1.0]), np.eye(2))
            >>> projection(np.array([[5.0, 3.0]]))
            array([[2., 3.]], dtype=float32)
        """
        features = np.asanyarray(features)
        directions, width = self.directions, features.shape[1]
        if self.kernel is None:
            directions = directions.astype(product_type(features))
        else:
            width = max(width, 2 * len(self.mean))  # a kernel's values are float64
        projected = np.empty((len(features), directions.shape[1]), np.float32)
        step = max(1, BLOCK_VALUES // max(1, width))
        for start in range(0, len(features), step):
            rows = slice(start, start + step)
            taken = features[rows] if self.kernel is None else self.kernel(features[rows])
            projected[rows] = standardized(taken, self.mean, self.deviation) @ directions
        return projected

    def mean_square(self, features: np.ndarray) -> float:
        """Returns the mean of the squares of the projected features, block by block.

        Args:
            features: float `(n, feature_dim)`.

        Examples:
            >>> Projection(np.zeros(2), np.ones(2), np.eye(2)).mean_square(np.array([[1.0, 3.0]]))
            5.0
        """
        step = max(1, BLOCK_VALUES // max(1, *self.directions.shape))
        squares = sum(
            np.square(self(features[start : start + step]), dtype=np.float64).sum()
            for start in range(0, len(features), step)
        )
        return float(squares / (len(features) * self.directions.shape[1]))
