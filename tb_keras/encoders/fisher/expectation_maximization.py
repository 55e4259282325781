"""The two steps of expectation-maximisation, over blocks of vectors in several threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tb_keras.encoders.fisher.gaussian_laplacian_mixture import GaussianLaplacianMixture
from tb_keras.encoders.fisher.shared_weighted_median import shared_weighted_medians
from tb_keras.encoders.fisher.weighted_median import weighted_medians

_ROWS = 8192  # rows of a block; K · dim sums are kept for each
_CACHED = 2**17  # numbers of a part of a block that stays in a core's cache
_GATHERED = 2**21  # numbers gathered at a time for the medians
_COLUMNS = 16  # dimensions whose medians are sought together: a cache line of float32
# Posteriors below this count as 0 and the others are scaled up to sum 1. The M-step then raises a
# bound that lies below the log-likelihood by at most K times this, far under float32's rounding.
_LEAST_POSTERIOR = 1e-8


def row_blocks(vectors: np.ndarray) -> list[slice]:
    """Consecutive slices of the rows."""
    size = len(vectors)
    return [slice(start, min(start + _ROWS, size)) for start in range(0, size, _ROWS)]


def _gathered(vectors: np.ndarray, rows: np.ndarray, columns: slice | np.ndarray) -> np.ndarray:
    return vectors[rows, columns] if isinstance(columns, slice) else vectors[np.ix_(rows, columns)]


class Shares(NamedTuple):
    """What the vectors have to do with the centres: the outcome of an E-step."""

    log_likelihood: float  # mean of a vector
    posteriors: np.ndarray  # (n, K), T_ik
    totals: np.ndarray  # (K,), N_k
    sums: np.ndarray  # (K, dim), Σ T x, of x less the overall mean; if there are Gaussians
    squares: np.ndarray  # (K, dim), Σ T x²


class ExpectationMaximization:
    """The two steps over the same vectors; `mixture_fitting` says what they compute.

    Args:
        vectors: float32 or float64 `(n, dim)`.
        kind: `"gaussian"`, `"laplacian"` or `"hybrid"`.
        mean: float64 `(dim,)`, about that of the vectors; sums are of the differences from it.
        least_deviation: float64 `(dim,)`, of a centre.
        map_: as the built-in `map`; may work in several threads.
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
        """The posteriors under a mixture, and what the M-step needs of them."""
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

        log_likelihood, *sums = map(sum, zip(*self.map(of_block, row_blocks(self.vectors))))
        return Shares(log_likelihood / len(self.vectors), posteriors, *sums)

    def shares_of(self, posteriors: np.ndarray) -> Shares:
        """What the M-step needs of posteriors that are given, float `(n, K)`."""
        sums = [self._sums(block, posteriors[block]) for block in row_blocks(self.vectors)]
        return Shares(float("nan"), posteriors, *map(sum, zip(*sums)))

    def _sums(self, block: slice, posteriors: np.ndarray) -> tuple:
        """N_k, Σ T x and Σ T x² over a block of vectors, `posteriors` `(rows, K)`."""
        totals = posteriors.sum(axis=0, dtype=np.float64)
        if self.kind == "laplacian":
            return totals, 0.0, 0.0
        x = self.vectors[block] - self.mean.astype(self.vectors.dtype)
        sums, squares = posteriors.T @ x, posteriors.T @ (x * x)
        return totals, sums.astype(np.float64), squares.astype(np.float64)

    def maximization(
        self, shares: Shares, before: GaussianLaplacianMixture
    ) -> GaussianLaplacianMixture:
        """The mixture that is likeliest for the posteriors; empty centres are as `before`."""
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
                # Σ T log p / N_k of both, each at its own maximum.
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
        """The weighted medians and the mean absolute deviations from them, float64 `(K, dim)`.

        Both NaN for a centre without a vector.
        """
        vectors = self.vectors
        medians, deviations = np.full((2, posteriors.shape[1], vectors.shape[1]), np.nan)
        members = [np.flatnonzero(posteriors[:, k]) for k in range(posteriors.shape[1])]
        filled = [k for k, rows in enumerate(members) if len(rows)]
        shares = sum(map(len, members)) / len(posteriors)  # centres that share in a vector
        # What a value costs, in nanoseconds: alone about 12 for each centre that shares in it,
        # together 25, and 200 where it lies in the bracket.
        widest = (12 * shares - 25) / 200
        of_filled = posteriors if len(filled) == len(members) else posteriors[:, filled]

        def together(columns: slice) -> None:
            found = shared_weighted_medians(vectors[:, columns], of_filled, widest)
            medians[filled, columns], deviations[filled, columns] = found

        def alone(item: tuple[int, slice | np.ndarray]) -> None:
            k, columns = item
            weights = posteriors[members[k], k].astype(np.float64)
            values = np.ascontiguousarray(_gathered(vectors, members[k], columns).T)
            found = weighted_medians(values, weights)
            values -= found[:, None]
            np.abs(values, out=values)
            medians[k, columns] = found
            deviations[k, columns] = values @ weights.astype(values.dtype) / weights.sum()

        if widest > 0 and len(vectors) > _ROWS:
            wide = range(0, vectors.shape[1], _COLUMNS)
            list(self.map(together, [slice(start, start + _COLUMNS) for start in wide]))
        work: list[tuple[int, slice | np.ndarray]] = []
        for k in filled:
            left = np.flatnonzero(np.isnan(medians[k]))
            width = max(_GATHERED // len(members[k]), 1)
            for part in (left[start : start + width] for start in range(0, len(left), width)):
                whole = len(part) == part[-1] + 1 - part[0]  # a slice is gathered faster
                work.append((k, slice(part[0], part[-1] + 1) if whole else part))
        list(self.map(alone, work))
        return medians, deviations
