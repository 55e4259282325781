"""Expectation-maximisation for mixtures of Gaussian and Laplacian dimensions."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import keras
import numpy as np

from tb_keras.encoders.gaussian_laplacian_mixture import GaussianLaplacianMixture
from tb_keras.encoders.shared_weighted_median import shared_weighted_medians
from tb_keras.encoders.weighted_median import weighted_medians

KINDS = ("gaussian", "laplacian", "hybrid")

_ROWS = 8192  # rows of a block; K · dim sums are kept for each
_CACHED = 2**17  # numbers of a part of a block that stays in a core's cache
_GATHERED = 2**21  # numbers gathered at a time for the medians
_COLUMNS = 16  # dimensions whose medians are sought together: a cache line of float32
_SAMPLE = 50_000  # vectors of the sample that the fit starts from
# Posteriors below this count as 0 and the others are scaled up to sum 1. The M-step then raises a
# bound that lies below the log-likelihood by at most K times this, far under float32's rounding.
_LEAST_POSTERIOR = 1e-8


def fit_mixture(
    vectors: np.ndarray,
    num_centers: int = 30,
    kind: str = "hybrid",
    *,
    max_iterations: int = 30,
    tolerance: float = 1e-4,
    variance_floor: float = 1e-3,
    seed: int = 0,
    verbose: bool = True,
) -> GaussianLaplacianMixture:
    """Fits a mixture by expectation-maximisation.

    It starts from k-means on a sample of 50,000 vectors; where there are more than twice as many,
    the steps are taken on the sample first, and then on all.

    E-step: the posterior T_ik ∝ w_k p_k(x_i). M-step, with N_k = Σ_i T_ik and w_k = N_k/n:

    - Gaussian: mean Σ T x/N_k and variance Σ T (x − mean)²/N_k;
    - Laplacian: m the weighted median of the x_i with weights T_ik, exactly, and
      s = Σ T |x − m|/N_k;
    - hybrid: both, and in each dimension of each centre the one of the greater Σ T log p.

    Each is the maximum for the same posteriors, under the floor on the scales too; so the mean
    log-likelihood never falls, but for rounding and K · 1e-8 nats. A centre without a vector keeps
    its parameters and has weight 0.

    Runs in NumPy on every core; sums within a block have the precision of `vectors`, sums over
    blocks are float64. Memory beyond `vectors` is n · K posteriors and some blocks, never
    n · K · dim.

    Args:
        vectors: float32 or float64 `(n, dim)`, finite, n ≥ `num_centers`; may be memory-mapped.
        num_centers: K.
        kind: `"gaussian"`, `"laplacian"` or `"hybrid"`.
        max_iterations: positive int, of the sample and of all vectors each.
        tolerance: stop when the mean log-likelihood of a vector rises by less, in nats a dimension.
        variance_floor: least variance of a dimension of a centre, as a share of the dimension's
            variance over all vectors.
        seed: of the start.
        verbose: show progress.

    Raises:
        ValueError: An unknown kind, a wrong shape, too few vectors, a value that is not finite.
        ImportError: scikit-learn (k-means) is not installed.

    Reference:
        Klein, Lev, Sadeh and Wolf, CVPR 2015, for the M-steps; Neal and Hinton, *A View of the EM
        Algorithm that Justifies Incremental, Sparse, and other Variants*, 1998, for the bound.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> vectors = np.concatenate([rng.normal(-9, 1, (300, 2)), rng.laplace(9, 1, (300, 2))])
    >>> mixture = fit_mixture(vectors, num_centers=2, verbose=False)
    >>> order = mixture.locations[:, 0].argsort()
    >>> mixture.laplacian[order]
    array([[False, False],
           [ True,  True]])
    """
    vectors = np.asanyarray(vectors)
    if kind not in KINDS:
        raise ValueError(f"`kind` must be one of {KINDS}. Received: kind={kind!r}")
    if vectors.ndim != 2 or vectors.dtype not in (np.float32, np.float64):
        raise ValueError(
            "`vectors` must be float32 or float64 of shape (n, dim). "
            f"Received: shape={vectors.shape}, dtype={vectors.dtype}"
        )
    if not 1 <= num_centers <= len(vectors):
        raise ValueError(
            "`num_centers` must be positive and at most the number of vectors. "
            f"Received: num_centers={num_centers} for {len(vectors)} vectors"
        )
    if max_iterations < 1:
        raise ValueError(
            f"`max_iterations` must be a positive int. Received: max_iterations={max_iterations}"
        )
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    mean, variance = _mean_and_variance(vectors)
    least_deviation = np.sqrt(variance_floor * variance)
    sample = vectors
    if len(vectors) > 2 * _SAMPLE:
        chosen = np.random.default_rng(seed).choice(len(vectors), _SAMPLE, replace=False)
        sample = vectors[np.sort(chosen)]
    # Each thread has a block of its own; a BLAS that splits it once more only makes them wait.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        fitting = _Fitting(sample, kind, mean, least_deviation, threads.map)
        mixture = fitting.run(
            fitting.start(num_centers, variance, seed), max_iterations, tolerance, verbose
        )
        if sample is not vectors:
            fitting = _Fitting(vectors, kind, mean, least_deviation, threads.map)
            mixture = fitting.run(mixture, max_iterations, tolerance, verbose)
    return mixture


def _mean_and_variance(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both float64 `(dim,)`; the variance is kept off zero."""
    origin = np.asarray(vectors[:_ROWS], np.float64).mean(axis=0)  # for the square's sake
    totals = np.zeros((2, vectors.shape[1]))
    for block in _blocks(vectors):
        x = np.asarray(vectors[block], np.float64) - origin
        totals += x.sum(axis=0), (x * x).sum(axis=0)
    finite = np.isfinite(totals).all(axis=0)
    if not finite.all():
        raise ValueError(
            f"`vectors` must be finite. Received: NaN or inf in dimension {finite.argmin()}"
        )
    shift, squares = totals / len(vectors)
    variance = np.maximum(squares - shift**2, 0.0)
    return origin + shift, np.maximum(variance, 1e-6 * variance.mean() + 1e-20)


def _blocks(vectors: np.ndarray) -> list[slice]:
    size = len(vectors)
    return [slice(start, min(start + _ROWS, size)) for start in range(0, size, _ROWS)]


def _gathered(vectors: np.ndarray, rows: np.ndarray, columns: slice | np.ndarray) -> np.ndarray:
    return vectors[rows, columns] if isinstance(columns, slice) else vectors[np.ix_(rows, columns)]


class _Shares(NamedTuple):
    """What the vectors have to do with the centres: the outcome of an E-step."""

    log_likelihood: float  # mean of a vector
    posteriors: np.ndarray  # (n, K), T_ik
    totals: np.ndarray  # (K,), N_k
    sums: np.ndarray  # (K, dim), Σ T x, of x less the overall mean; if there are Gaussians
    squares: np.ndarray  # (K, dim), Σ T x²


class _Fitting:
    """The steps of a fit over the same vectors."""

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

    def run(
        self,
        mixture: GaussianLaplacianMixture,
        max_iterations: int,
        tolerance: float,
        verbose: bool,
    ) -> GaussianLaplacianMixture:
        """Takes steps until the log-likelihood hardly rises."""
        bar = keras.utils.Progbar(
            max_iterations,
            verbose=int(verbose),
            stateful_metrics=["log_likelihood"],
            unit_name="iteration",
        )
        history: list[float] = []
        for iteration in range(1, max_iterations + 1):
            shares = self.expectation(mixture)
            history.append(shares.log_likelihood)
            converged = iteration > 1 and history[-1] - history[-2] < tolerance * mixture.dim
            if not converged:
                mixture = self.maximization(shares, mixture)
            done = converged or iteration == max_iterations
            bar.update(iteration, [("log_likelihood", history[-1])], finalize=done)
            if done:
                break
        return dataclasses.replace(mixture, log_likelihoods=tuple(history))

    def start(self, num_centers: int, variance: np.ndarray, seed: int) -> GaussianLaplacianMixture:
        """The mixture that an M-step makes of k-means' clusters."""
        from sklearn.cluster import KMeans

        kmeans = KMeans(num_centers, n_init=1, max_iter=30, random_state=seed)
        with warnings.catch_warnings():  # fewer distinct vectors than centres: some stay empty
            warnings.simplefilter("ignore")
            labels = kmeans.fit_predict(self.vectors)
        shape = (num_centers, self.vectors.shape[1])
        before = GaussianLaplacianMixture(
            np.full(num_centers, 1 / num_centers),
            kmeans.cluster_centers_.astype(np.float64),
            np.broadcast_to(np.sqrt(variance), shape),
            np.full(shape, self.kind == "laplacian"),
        )
        posteriors = (labels[:, None] == np.arange(num_centers)).astype(self.vectors.dtype)
        sums = [self._sums(block, posteriors[block]) for block in _blocks(self.vectors)]
        return self.maximization(_Shares(0.0, posteriors, *map(sum, zip(*sums))), before)

    def expectation(self, mixture: GaussianLaplacianMixture) -> _Shares:
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

        log_likelihood, *sums = map(sum, zip(*self.map(of_block, _blocks(self.vectors))))
        return _Shares(log_likelihood / len(self.vectors), posteriors, *sums)

    def _sums(self, block: slice, posteriors: np.ndarray) -> tuple:
        """N_k, Σ T x and Σ T x² over a block of vectors, `posteriors` `(rows, K)`."""
        totals = posteriors.sum(axis=0, dtype=np.float64)
        if self.kind == "laplacian":
            return totals, 0.0, 0.0
        x = self.vectors[block] - self.mean.astype(self.vectors.dtype)
        sums, squares = posteriors.T @ x, posteriors.T @ (x * x)
        return totals, sums.astype(np.float64), squares.astype(np.float64)

    def maximization(
        self, shares: _Shares, before: GaussianLaplacianMixture
    ) -> GaussianLaplacianMixture:
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
