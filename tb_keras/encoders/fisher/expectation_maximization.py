"""The two steps of expectation-maximisation, over blocks of vectors in several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tb_keras.encoders.fisher.gaussian_laplacian_mixture import GaussianLaplacianMixture
from tb_keras.encoders.fisher.weighted_median import weighted_medians

_BLOCK_ROWS = 8192  # K · dim sums are kept for each block
_CACHED = 2**17  # numbers of a part of a block that stays in a core's cache
_COLUMNS = 16  # dimensions read at a time for the medians: a cache line of float32
# Posteriors below this count as 0, and the others are scaled up to sum 1. The M-step then raises a
# bound that lies below the log-likelihood by at most K times this, far under float32's rounding.
_LEAST_POSTERIOR = 1e-8


def row_blocks(vectors: np.ndarray) -> list[slice]:
    """Consecutive slices of the rows."""
    size = len(vectors)
    return [slice(start, min(start + _BLOCK_ROWS, size)) for start in range(0, size, _BLOCK_ROWS)]


class Shares(NamedTuple):
    """How much each vector belongs to each centre: the outcome of an E-step."""

    log_likelihood: float  # the mean over the vectors
    posteriors: np.ndarray  # (n, K), T_ik
    totals: np.ndarray  # (K,), N_k
    sums: np.ndarray  # (K, dim), Σ T x, of x less the overall mean; 0 without Gaussians
    squares: np.ndarray  # (K, dim), Σ T x², likewise


class ExpectationMaximization:
    """The two steps over the same vectors, as `fit_mixture` describes them.

    Args:
        vectors: float32 or float64 `(n, dim)`.
        kind: `"gaussian"`, `"laplacian"` or `"hybrid"`.
        mean: float64 `(dim,)`, about the mean of the vectors; sums are of differences from it.
        least_deviation: float64 `(dim,)`, the least deviation of a centre.
        map_: a function like the built-in `map`, which may work in several threads.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        kind: str,
        mean: np.ndarray,
        least_deviation: np.ndarray,
        map_: Callable,
    ):
        self.vectors, self.kind, self.map = vectors, kind, map_
        self.mean, self.least_deviation = mean, least_deviation

    def expectation(self, mixture: GaussianLaplacianMixture) -> Shares:
        """Returns the posteriors under a mixture, and the sums that the M-step needs."""
        posteriors = np.empty((len(self.vectors), mixture.num_centers), self.vectors.dtype)
        part = max(_CACHED // mixture.dim, 32)

        def of_block(block: slice) -> tuple:
            share = posteriors[block]
            for start in range(0, len(share), part):
                rows = slice(block.start + start, min(block.start + start + part, block.stop))
                share[start : start + part] = mixture.log_joint(np.asarray(self.vectors[rows]))
            highest = share.max(axis=1, keepdims=True)
            np.exp(share - highest, out=share)
            total = share.sum(axis=1, keepdims=True)
            log_likelihood = (highest + np.log(total)).sum(dtype=np.float64)
            share[share < _LEAST_POSTERIOR * total] = 0
            share /= share.sum(axis=1, keepdims=True)
            return log_likelihood, *self._sums(block, share)

        totals: Iterator[Any] = map(sum, zip(*self.map(of_block, row_blocks(self.vectors))))
        log_likelihood, *sums = totals
        return Shares(log_likelihood / len(self.vectors), posteriors, *sums)

    def shares_of(self, posteriors: np.ndarray) -> Shares:
        """Returns the sums that the M-step needs for given posteriors, float `(n, K)`."""
        sums = [self._sums(block, posteriors[block]) for block in row_blocks(self.vectors)]
        totals: Iterator[Any] = map(sum, zip(*sums))
        return Shares(float("nan"), posteriors, *totals)

    def _sums(self, block: slice, posteriors: np.ndarray) -> tuple:
        """Returns N_k, Σ T x and Σ T x² over a block of vectors."""
        totals = posteriors.sum(axis=0, dtype=np.float64)
        if self.kind == "laplacian":
            return totals, 0.0, 0.0
        x = self.vectors[block] - self.mean.astype(self.vectors.dtype)
        sums, squares = posteriors.T @ x, posteriors.T @ (x * x)
        return totals, sums.astype(np.float64), squares.astype(np.float64)

    def maximization(
        self, shares: Shares, before: GaussianLaplacianMixture
    ) -> GaussianLaplacianMixture:
        """Returns the likeliest mixture for the posteriors; empty centres stay as in `before`."""
        totals = shares.totals[:, None]
        filled = (totals > 0)[:, 0]
        totals = np.where(totals > 0, totals, 1.0)
        laplacian = np.zeros(before.laplacian.shape, bool)
        if self.kind != "laplacian":
            mean = shares.sums / totals
            variance = np.maximum(shares.squares / totals - mean**2, 0.0)
            locations = mean + self.mean
            scales = np.maximum(np.sqrt(variance), self.least_deviation)
        if self.kind != "gaussian":
            medians, deviation = self._medians(shares.posteriors)
            spread = np.maximum(deviation, self.least_deviation / np.sqrt(2))
            if self.kind == "laplacian":
                laplacian[:], locations, scales = True, medians, spread
            else:
                # Σ T log p / N_k of both kinds, each at its own maximum.
                gaussian_gain = -np.log(scales) - np.log(2 * np.pi) / 2 - variance / scales**2 / 2
                laplacian = -np.log(2 * spread) - deviation / spread > gaussian_gain
                locations = np.where(laplacian, medians, locations)
                scales = np.where(laplacian, spread, scales)
        filled = filled[:, None]
        return GaussianLaplacianMixture(
            shares.totals / shares.totals.sum(),
            np.where(filled, locations, before.locations),
            np.where(filled, scales, before.scales),
            np.where(filled, laplacian, before.laplacian),
        )

    def _medians(self, posteriors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the weighted medians and the mean absolute deviations from them, `(K, dim)`.

        Both are NaN for a centre without a vector.
        """
        dim = self.vectors.shape[1]
        medians, deviations = np.full((2, posteriors.shape[1], dim), np.nan)
        filled = posteriors.any(axis=0)
        of_filled = posteriors if filled.all() else posteriors[:, filled]

        def fill(columns: slice) -> None:
            found = weighted_medians(self.vectors[:, columns], of_filled)
            medians[filled, columns], deviations[filled, columns] = found

        list(self.map(fill, [slice(at, at + _COLUMNS) for at in range(0, dim, _COLUMNS)]))
        return medians, deviations
