"""Canonical correlation analysis in closed form, from covariances summed block by block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.argument_checks import check_int
from tb_keras.corpus import Corpus

_BLOCK_VALUES = 2**26  # features in a block: 256 MiB in float32
_LEAST_CORRELATION = 1e-5  # what is below comes of rounding: its direction is not determined


class Projection(NamedTuple):
    """Features of one view, standardised and taken along directions.

    Attributes:
        mean: float64 `(feature_dim,)`.
        deviation: float64 `(feature_dim,)`, positive.
        directions: float64 `(feature_dim, dim)`.
    """

    mean: np.ndarray
    deviation: np.ndarray
    directions: np.ndarray

    def __call__(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(n, dim)` for features float `(n, feature_dim)`, block by block.

        Example:

        >>> projection = Projection(np.array([1.0, 0.0]), np.array([2.0, 1.0]), np.eye(2))
        >>> projection(np.array([[5.0, 3.0]]))
        array([[2., 3.]], dtype=float32)
        """
        features = np.asanyarray(features)
        directions = self.directions.astype(_product_type(features))
        projected = np.empty((len(features), directions.shape[1]), np.float32)
        step = max(1, _BLOCK_VALUES // max(1, features.shape[1]))
        for start in range(0, len(features), step):
            rows = slice(start, start + step)
            block = _standardized(features[rows], self.mean, self.deviation)
            projected[rows] = block @ directions
        return projected


class PairCovariances(NamedTuple):
    """Statistics over all matching pairs of an image and a text, all float64.

    Means and deviations are those of the features, covariances those of the features that are
    standardised by them.

    Attributes:
        image_mean: `(image_dim,)`.
        image_deviation: `(image_dim,)`, positive.
        text_mean: `(text_dim,)`.
        text_deviation: `(text_dim,)`, positive.
        images: `(image_dim, image_dim)`, the covariance of the images.
        cross: `(image_dim, text_dim)`, the covariance of images with texts.
        texts: `(text_dim, text_dim)`, the covariance of the texts.
    """

    image_mean: np.ndarray
    image_deviation: np.ndarray
    text_mean: np.ndarray
    text_deviation: np.ndarray
    images: np.ndarray
    cross: np.ndarray
    texts: np.ndarray


class CanonicalDirections(NamedTuple):
    """The directions along which two standardised views correlate most, the strongest first.

    Attributes:
        images: float64 `(image_dim, dim)`.
        texts: float64 `(text_dim, dim)`.
        correlations: float64 `(dim,)`, in [0, 1] and falling. Where one is zero, both of its
            directions are.
    """

    images: np.ndarray
    texts: np.ndarray
    correlations: np.ndarray


def pair_covariances(corpus: Corpus, verbose: bool = False) -> PairCovariances:
    """Sums means, deviations and covariances over all matching pairs of a corpus.

    An image counts as often as it has texts, a text as often as it has images; what has no match
    does not count. Each row is read twice and in its block multiplied once, however many matches it
    has. Products are taken in the features' own type, at least float32, and added up in float64.
    Features may be memory maps: memory grows with the block and with the covariances.

    Args:
        corpus: with both features and at least one match.
        verbose: whether to show a bar of progress.

    Raises:
        ValueError: if the corpus lacks features or matches.

    Example:

    >>> views = np.array([[0.0], [2.0]])
    >>> found = pair_covariances(Corpus([0, 1], image_features=views, text_features=-views))
    >>> found.image_mean, found.images, found.cross
    (array([1.]), array([[1.]]), array([[-1.]]))
    """
    if (
        corpus.image_features is None
        or corpus.text_features is None
        or not len(corpus.matches.pairs)
    ):
        raise ValueError(f"`corpus` must have both features and matches. Received: {corpus!r}")
    import keras
    from scipy import sparse

    matches = corpus.matches
    views = corpus.image_features, corpus.text_features
    scales = [
        _mean_and_deviation(features, counts)
        for features, counts in zip(views, (matches.texts_per_image(), matches.images_per_text()))
    ]
    sizes = [features.shape[1] for features in views]
    images, texts = np.zeros((sizes[0],) * 2), np.zeros((sizes[1],) * 2)
    cross = np.zeros(sizes)
    # The pairs are sorted by image: a block of them is of few images, and mostly of few texts.
    step = max(1, _BLOCK_VALUES // max(sizes))
    bar = keras.utils.Progbar(len(matches.pairs), unit_name="pair", verbose=int(verbose))
    for start in range(0, len(matches.pairs), step):
        pairs = matches.pairs[start : start + step]
        blocks, places = [], []
        for rows, features, scale in zip(pairs.T, views, scales):
            rows, place = np.unique(rows, return_inverse=True)
            blocks.append(_standardized(features[rows], *scale))
            places.append(place)
        x, y = blocks
        incidence = sparse.csr_array((np.ones(len(pairs), x.dtype), places), shape=(len(x), len(y)))
        cross += x.T @ (incidence @ y)
        for total, block, place in ((images, x, places[0]), (texts, y, places[1])):
            block *= np.sqrt(np.bincount(place))[:, None]
            total += block.T @ block
        bar.add(len(pairs))
    for total in (images, cross, texts):
        total /= len(matches.pairs)
    return PairCovariances(*scales[0], *scales[1], images, cross, texts)


def canonical_directions(
    covariances: PairCovariances, regularization: float, dim: int | None = None
) -> CanonicalDirections:
    """Solves regularised CCA exactly.

    With covariances X, Y, C and the regularised X' = X + r·mean variance·I, Y' alike, the images'
    directions w are the leading solutions of C Y'⁻¹ Cᵀ w = ρ² X' w with wᵀX'w = 1, and the texts'
    Y'⁻¹ Cᵀ w / ρ: a symmetric eigenproblem of the narrower view's size, of which only the `dim`
    leading solutions are computed.

    Args:
        covariances: of the two views.
        regularization: share r of a view's mean variance to add to its covariance, at least 0.
        dim: number of directions, at most; all, as many as the narrower view has, if None.

    Raises:
        ValueError: if `regularization` is negative or `dim` is no positive int.

    Reference:
        Hardoon, Szedmak and Shawe-Taylor, *Canonical Correlation Analysis: An Overview with
        Application to Learning Methods*, Neural Computation 16(12), 2004, sections 3 and 4.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> images = rng.standard_normal((50, 2))
    >>> corpus = Corpus(np.arange(50), image_features=images, text_features=2 - images[:, :1])
    >>> canonical_directions(pair_covariances(corpus), regularization=0).correlations.round(6)
    array([1.])
    """
    if not regularization >= 0:
        raise ValueError(f"`regularization` must be at least 0. Received: {regularization}")
    if dim is not None:
        check_int("dim", dim, least=1)
    images, texts = (
        _regularized(covariance, regularization)
        for covariance in (covariances.images, covariances.texts)
    )
    if len(images) <= len(texts):
        return CanonicalDirections(*_leading(images, covariances.cross, texts, dim))
    of_texts, of_images, correlations = _leading(texts, covariances.cross.T, images, dim)
    return CanonicalDirections(of_images, of_texts, correlations)


def _leading(narrow: np.ndarray, cross: np.ndarray, wide: np.ndarray, dim: int | None):
    """Directions of both views, and correlations; overwrites both regularised covariances."""
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


def _regularized(covariance: np.ndarray, regularization: float) -> np.ndarray:
    ridge = max(regularization * np.trace(covariance) / len(covariance), 1e-12)
    regularized = covariance.copy()
    regularized.flat[:: len(covariance) + 1] += ridge
    return regularized


def _mean_and_deviation(features: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of rows that count so many times each; the deviation has a floor, so that no row blows up."""
    total, squares = np.zeros(features.shape[1]), np.zeros(features.shape[1])
    step = max(1, _BLOCK_VALUES // (4 * features.shape[1]))
    for start in range(0, len(features), step):
        rows = np.asarray(features[start : start + step], np.float64)
        weights = counts[start : start + step].astype(np.float64)
        total += weights @ rows
        squares += weights @ (rows * rows)
    mean = total / counts.sum()
    deviation = np.sqrt(np.maximum(squares / counts.sum() - mean * mean, 0.0))
    return mean, np.maximum(deviation, 0.01 * deviation.mean() + 1e-12)


def _standardized(rows: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """A new array of the type that products are taken in."""
    dtype = _product_type(rows)
    standardized = rows.astype(dtype)
    standardized -= mean.astype(dtype)
    standardized /= deviation.astype(dtype)
    return standardized


def _product_type(features: np.ndarray) -> np.dtype:
    return np.promote_types(features.dtype, np.float32)
