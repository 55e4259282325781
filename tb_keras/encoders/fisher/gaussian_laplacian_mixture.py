"""A mixture whose centres are Gaussian in some dimensions and Laplacian in the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class GaussianLaplacianMixture:
    """A mixture of K centres with independent dimensions, each Gaussian or Laplacian.

    The density of a vector x is Σ_k w_k Π_d p_kd(x_d). With location m and scale s,

    - a Gaussian dimension has p(x) = exp(−(x − m)²/2s²) / (s√2π), where m is the mean and s the
      deviation;
    - a Laplacian dimension has p(x) = exp(−|x − m|/s) / 2s, where m is the median and s the mean
      absolute deviation from it.

    If all dimensions are Gaussian, this is the Gaussian mixture (GMM); if all are Laplacian, the
    Laplacian mixture (LMM); otherwise the hybrid one (HGLMM). The paper weighs the logarithms of
    both densities by b_kd and 1 − b_kd, and its M-step always sets b_kd to 0 or 1.

    Attributes:
        weights: float64 `(K,)`, with sum 1; a centre without a vector has 0.
        locations: float64 `(K, dim)`.
        scales: float64 `(K, dim)`, positive.
        laplacian: bool `(K, dim)`, b_kd: whether the dimension is Laplacian.
        log_likelihoods: the mean log-likelihood of a vector, in nats, before each step of the fit.
            The last is this mixture's own if the fit has converged.

    Reference:
        Klein, Lev, Sadeh and Wolf, *Associating Neural Word Embeddings with Deep Image
        Representations using Fisher Vectors*, CVPR 2015 (at length arXiv 1411.7399): the sections
        on the Laplacian and on the hybrid mixture.

    Examples:
        >>> mixture = GaussianLaplacianMixture(
        ...     weights=np.ones(1),
        ...     locations=np.zeros((1, 2)),
        ...     scales=np.ones((1, 2)),
        ...     laplacian=np.array([[False, True]]),
        ... )
        >>> float(mixture.log_densities(np.zeros((1, 2)))[0].round(4))  # −log √2π − log 2
        -1.6121
    """

    weights: np.ndarray
    locations: np.ndarray
    scales: np.ndarray
    laplacian: np.ndarray
    log_likelihoods: tuple[float, ...] = ()

    @property
    def num_centers(self) -> int:
        """The number K of centres."""
        return self.locations.shape[0]

    @property
    def dim(self) -> int:
        """The dimension of the vectors."""
        return self.locations.shape[1]

    def log_joint(self, vectors: np.ndarray) -> np.ndarray:
        """Returns log w_k + log p_k(x) of each vector and centre.

        No array is made that is larger than `vectors` or the result.

        Args:
            vectors: float32 or float64 `(n, dim)`.

        Returns:
            `(n, K)` in the dtype and precision of `vectors`; −inf at a centre of weight 0.

        Raises:
            FloatingPointError: a density is NaN or infinite, as that of a NaN in `vectors`.
        """
        kept = vectors.dtype
        # Near the origin the expanded square loses the fewest digits.
        origin = self.weights @ self.locations
        x, m = vectors - origin.astype(kept), self.locations - origin
        precision = np.where(self.laplacian, 0.0, self.scales**-2)
        rate = np.where(self.laplacian, 1 / self.scales, 0.0).astype(kept)
        # BLAS may leave the flag "invalid" behind though all numbers are finite: look at them.
        with np.errstate(invalid="ignore"):
            distance = (x * x) @ (precision / 2).T.astype(kept)
            distance -= x @ (m * precision).T.astype(kept)
            distance += (m * m * precision / 2).sum(axis=1).astype(kept)
            m, deviation = m.astype(kept), np.empty_like(x)
            for k in np.flatnonzero(self.laplacian.any(axis=1)):
                np.subtract(x, m[k], out=deviation)
                np.abs(deviation, out=deviation)
                distance[:, k] += deviation @ rate[k]
        if not np.isfinite(distance).all():
            raise FloatingPointError("a vector has no finite log density under the mixture")
        return self.log_constants().astype(kept) - distance

    def log_constants(self) -> np.ndarray:
        """Returns the part of `log_joint` that does not depend on the vector, float64 `(K,)`."""
        normalizer = np.where(self.laplacian, np.log(2), np.log(2 * np.pi) / 2)
        with np.errstate(divide="ignore"):
            return np.log(self.weights) - (np.log(self.scales) + normalizer).sum(axis=1)

    def log_densities(self, vectors: ArrayLike) -> np.ndarray:
        """Returns `(n,)`, the log density of each vector, float `(n, dim)`, in nats."""
        return _log_sum_exp(self.log_joint(np.asarray(vectors)))[:, 0]

    def posteriors(self, vectors: ArrayLike) -> np.ndarray:
        """Returns `(n, K)`, the probability of each centre given the vector, float `(n, dim)`."""
        joint = self.log_joint(np.asarray(vectors))
        return np.exp(joint - _log_sum_exp(joint))


def _log_sum_exp(joint: np.ndarray) -> np.ndarray:
    highest = joint.max(axis=1, keepdims=True)
    return highest + np.log(np.exp(joint - highest).sum(axis=1, keepdims=True))
