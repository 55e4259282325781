"""Expectation-maximisation for mixtures of Gaussian and Laplacian dimensions."""

from __future__ import annotations

import dataclasses
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from tb_keras.checks.arguments import check_int
from tb_keras.encoders.fisher.expectation_maximization import ExpectationMaximization, row_blocks
from tb_keras.encoders.fisher.gaussian_laplacian_mixture import GaussianLaplacianMixture

KINDS = ("gaussian", "laplacian", "hybrid")

_SAMPLE = 50_000  # vectors; the fit of more than twice as many starts from so many


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

    The fit starts from k-means. With more than 100,000 vectors it first runs on a sample of 50,000,
    and then on all.

    E-step: the posterior T_ik ∝ w_k p_k(x_i). M-step, with N_k = Σ_i T_ik and w_k = N_k/n:

    - Gaussian: mean Σ T x/N_k and variance Σ T (x − mean)²/N_k;
    - Laplacian: m the weighted median of the x_i with weights T_ik, exactly, and
      s = Σ T |x − m|/N_k;
    - hybrid: both, and in each dimension of each centre the one with the greater Σ T log p.

    Each step is the maximum for its posteriors, also under the floor on the scales. So the mean
    log-likelihood never falls by more than rounding and K · 1e-8 nats. A centre without a vector
    keeps its parameters and has weight 0.

    The fit runs in NumPy on every core. Sums within a block have the precision of `vectors`, sums
    over blocks are float64. Beyond `vectors` it holds n · K posteriors and some blocks, never
    n · K · dim numbers.

    Args:
        vectors: float32 or float64 `(n, dim)`, finite, n ≥ `num_centers`; may be memory-mapped.
        num_centers: the number K of centres.
        kind: `"gaussian"`, `"laplacian"` or `"hybrid"`.
        max_iterations: greatest number of steps on the sample, and again on all vectors.
        tolerance: the fit stops when the mean log-likelihood of a vector rises by less than this,
            in nats a dimension.
        variance_floor: least variance of a dimension of a centre, as a share of the dimension's
            variance over all vectors.
        seed: seed of the start.
        verbose: whether to show progress.

    Raises:
        ValueError: `kind` is unknown, an argument has a wrong shape or value, there are fewer
            vectors than centres, or a vector is not finite.
        ImportError: scikit-learn, for k-means, is not installed.

    Reference:
        Klein, Lev, Sadeh and Wolf, CVPR 2015, for the M-steps; Neal and Hinton, *A View of the EM
        Algorithm that Justifies Incremental, Sparse, and other Variants*, 1998, for the bound.

    Examples:
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
    check_int("max_iterations", max_iterations, least=1)
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    mean, variance = _mean_and_variance(vectors)
    least_deviation = np.sqrt(variance_floor * variance)
    sample = vectors
    if len(vectors) > 2 * _SAMPLE:
        chosen = np.random.default_rng(seed).choice(len(vectors), _SAMPLE, replace=False)
        sample = vectors[np.sort(chosen)]
    # Each thread has a block of its own. A BLAS with threads of its own would make them wait.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        steps = ExpectationMaximization(sample, kind, mean, least_deviation, threads.map)
        mixture = _start(steps, num_centers, variance, seed)
        mixture = _run(steps, mixture, max_iterations, tolerance, verbose)
        if sample is not vectors:
            steps = ExpectationMaximization(vectors, kind, mean, least_deviation, threads.map)
            mixture = _run(steps, mixture, max_iterations, tolerance, verbose)
    return mixture


def _mean_and_variance(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns both, float64 `(dim,)`; the variance is kept off zero."""
    # Near the mean the squares lose the fewest digits.
    origin = np.asarray(vectors[row_blocks(vectors)[0]], np.float64).mean(axis=0)
    totals = np.zeros((2, vectors.shape[1]))
    for block in row_blocks(vectors):
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


def _run(
    steps: ExpectationMaximization,
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
        shares = steps.expectation(mixture)
        history.append(shares.log_likelihood)
        converged = iteration > 1 and history[-1] - history[-2] < tolerance * mixture.dim
        if not converged:
            mixture = steps.maximization(shares, mixture)
        done = converged or iteration == max_iterations
        bar.update(iteration, [("log_likelihood", history[-1])], finalize=done)
        if done:
            break
    return dataclasses.replace(mixture, log_likelihoods=tuple(history))


def _start(
    steps: ExpectationMaximization, num_centers: int, variance: np.ndarray, seed: int
) -> GaussianLaplacianMixture:
    """Returns the mixture that an M-step makes of k-means' clusters."""
    from sklearn.cluster import KMeans

    kmeans = KMeans(num_centers, n_init=1, max_iter=30, random_state=seed)
    with warnings.catch_warnings():  # fewer distinct vectors than centres: some stay empty
        warnings.simplefilter("ignore")
        labels = kmeans.fit_predict(steps.vectors)
    shape = (num_centers, steps.vectors.shape[1])
    before = GaussianLaplacianMixture(
        np.full(num_centers, 1 / num_centers),
        kmeans.cluster_centers_.astype(np.float64),
        np.broadcast_to(np.sqrt(variance), shape),
        np.full(shape, steps.kind == "laplacian"),
    )
    posteriors = (labels[:, None] == np.arange(num_centers)).astype(steps.vectors.dtype)
    return steps.maximization(steps.shares_of(posteriors), before)
