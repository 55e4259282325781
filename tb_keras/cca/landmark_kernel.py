"""A kernel between features and landmarks: what stands for a view in kernel methods."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.pair_covariances import standardized


class LandmarkKernel(NamedTuple):
    """The radial basis function exp(-γ·‖x - l‖²) of standardised rows x of unit length.

    Functions that are sums over landmarks approximate those of the whole kernel, with memory and
    time set by the number of landmarks (the Nyström method).

    Attributes:
        mean: float64 `(feature_dim,)`.
        deviation: float64 `(feature_dim,)`, positive.
        landmarks: float32 `(count, feature_dim)`, rows of unit length.
        gamma: positive float.

    Reference:
        Williams and Seeger, *Using the Nyström Method to Speed Up Kernel Machines*, NIPS 2000.
    """

    mean: np.ndarray
    deviation: np.ndarray
    landmarks: np.ndarray
    gamma: float

    @classmethod
    def of(
        cls, features: ArrayLike, mean: np.ndarray, deviation: np.ndarray, gamma: float, count: int
    ) -> LandmarkKernel:
        """Takes rows drawn at random, always the same ones, as landmarks: all, where they are few.

        Examples:
            >>> kernel = LandmarkKernel.of(np.eye(3), np.zeros(3), np.ones(3), gamma=0.5, count=2)
            >>> kernel.landmarks.shape
            (2, 3)
        """
        rows = np.sort(np.random.default_rng(0).permutation(len(features))[:count])
        return cls(mean, deviation, _unit(mean, deviation, features[rows]), float(gamma))

    def __call__(self, features: ArrayLike) -> np.ndarray:
        """Returns float64 `(n, count)`, in (0, 1], for features float `(n, feature_dim)`.

        Examples:
            >>> kernel = LandmarkKernel.of(np.eye(2), np.zeros(2), np.ones(2), gamma=0.5, count=2)
            >>> kernel(np.array([[2.0, 0.0]])).round(4)
            array([[1.    , 0.3679]])
        """
        return self._of_units(_unit(self.mean, self.deviation, features))

    def gram(self) -> np.ndarray:
        """Returns float64 `(count, count)`, the kernel between the landmarks."""
        return self._of_units(self.landmarks.astype(np.float64))

    def _of_units(self, rows: np.ndarray) -> np.ndarray:
        # Of what are sums of thousands of these, digits would be lost in float32.
        values = (rows @ self.landmarks.T).astype(np.float64, copy=False)
        values -= 1
        values *= 2 * self.gamma
        return np.exp(values, out=values)


def _unit(mean: np.ndarray, deviation: np.ndarray, features: ArrayLike) -> np.ndarray:
    rows = standardized(np.asarray(features), mean, deviation)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    return rows.astype(np.float32, copy=False)
