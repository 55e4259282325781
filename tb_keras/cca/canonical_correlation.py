"""Canonical correlation analysis in closed form, from covariances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tb_keras.cca.covariances import PairCovariances
from tb_keras.checks.arguments import check_int

_LEAST_CORRELATION = 1e-5  # a lower one comes from rounding and has no certain direction


class CanonicalDirections(NamedTuple):
    """The directions along which two standardised views correlate most, the strongest first.

    Attributes:
        images: float64 `(image_dim, dim)`.
        texts: float64 `(text_dim, dim)`.
        correlations: float64 `(dim,)`, in [0, 1] and falling. A correlation of 0 has directions of
            zeros.
    """

    images: np.ndarray
    texts: np.ndarray
    correlations: np.ndarray


def canonical_directions(
    covariances: PairCovariances,
    regularization: float,
    dim: int | None = None,
    penalties: Sequence[np.ndarray | None] = (None, None),
) -> CanonicalDirections:
    """Solves regularised CCA exactly.

    With covariances X, Y and C, the regularised X' = X + r·mean variance·I, and Y' alike, the
    images' directions w are the leading solutions of C Y'⁻¹ Cᵀ w = ρ² X' w with wᵀX'w = 1. Those of
    the texts are Y'⁻¹ Cᵀ w / ρ. This is a symmetric eigenproblem of the narrower view's size, and
    only the leading solutions are computed.

    Args:
        covariances: those of the two views.
        regularization: share r of a view's mean variance to add to its covariance, at least 0.
        dim: number of directions, at most; as many as the narrower view has if None.
        penalties: float64 `(view_dim, view_dim)`, positive definite, one for the images' and one
            for the texts' directions, in the place of mean variance·I; None for that itself.

    Raises:
        ValueError: if `regularization` is negative or `dim` is no positive int.

    Reference:
        Hardoon, Szedmak and Shawe-Taylor, *Canonical Correlation Analysis: An Overview with
        Application to Learning Methods*, Neural Computation 16(12), 2004, sections 3 and 4.

    Examples:
        >>> from tb_keras.corpus.corpus import Corpus
        >>> rng = np.random.default_rng(0)
        >>> images = rng.standard_normal((50, 2))
        >>> corpus = Corpus(np.arange(50), image_features=images, text_features=2 - images[:, :1])
        >>> from tb_keras.cca.covariances import pair_covariances
        >>> canonical_directions(pair_covariances(corpus), regularization=0).correlations.round(6)
        array([1.])
    """
    if not regularization >= 0:
        raise ValueError(f"`regularization` must be at least 0. Received: {regularization}")
    if dim is not None:
        check_int("dim", dim, least=1)
    images, texts = (
        _regularized(covariance, regularization, penalty)
        for covariance, penalty in zip((covariances.images, covariances.texts), penalties)
    )
    if len(images) <= len(texts):
        return CanonicalDirections(*_leading(images, covariances.cross, texts, dim))
    of_texts, of_images, correlations = _leading(texts, covariances.cross.T, images, dim)
    return CanonicalDirections(of_images, of_texts, correlations)


def _leading(narrow: np.ndarray, cross: np.ndarray, wide: np.ndarray, dim: int | None):
    """Returns both views' directions and the correlations; overwrites `narrow` and `wide`."""
    from scipy import linalg

    size = len(narrow)
    dim = size if dim is None else min(dim, size)
    root = linalg.cholesky(wide, lower=True, overwrite_a=True)
    half = linalg.solve_triangular(root, cross.T, lower=True)  # half.T @ half is C Y'⁻¹ Cᵀ
    narrow_root = linalg.cholesky(narrow, lower=True, overwrite_a=True)
    whitened = linalg.solve_triangular(narrow_root, half.T, lower=True)
    squares, vectors = linalg.eigh(
        whitened @ whitened.T, subset_by_index=(size - dim, size - 1), driver="evr"
    )
    correlations = np.sqrt(np.clip(squares[::-1], 0.0, 1.0))
    found = correlations > _LEAST_CORRELATION
    correlations = np.where(found, correlations, 0.0)
    vectors = np.where(found, vectors[:, ::-1], 0.0)
    of_wide = whitened.T @ vectors / np.where(found, correlations, 1.0)
    return (
        linalg.solve_triangular(narrow_root, vectors, lower=True, trans="T"),
        linalg.solve_triangular(root, of_wide, lower=True, trans="T"),
        correlations,
    )


def _regularized(
    covariance: np.ndarray, regularization: float, penalty: np.ndarray | None
) -> np.ndarray:
    if penalty is not None:
        return covariance + max(regularization, 1e-12) * penalty
    ridge = max(regularization * np.trace(covariance) / len(covariance), 1e-12)
    regularized = covariance.copy()
    regularized.flat[:: len(covariance) + 1] += ridge
    return regularized
