"""Normalised, regularised canonical correlation analysis: the strongest linear baseline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus import Corpus
from tb_keras.evaluation.retrieval import retrieval_metrics


class RegularizedCCABaseline:
    """Normalised, regularised CCA in closed form, compared by cosine.

    Both views are standardised, mapped onto their canonical directions, and each direction is
    scaled by a power of its correlation. Regularisation and power are chosen by rsum on the
    validation corpus. Without regularisation its correlations are those of scikit-learn's `CCA`; a
    test holds the two against each other.

    Args:
        train: corpus with both features.
        validation: corpus with both features.
        regularizations: shares of the mean variance to add to each view's covariance.
        powers: exponents of the correlations.
        dim: number of canonical directions, at most; all if None.

    Reference:
        Gong, Ke, Isard and Lazebnik, *A Multi-View Embedding Space for Modeling Internet Images,
        Tags, and their Semantics*, IJCV 106, 2014.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> images = rng.standard_normal((50, 4))
    >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
    >>> RegularizedCCABaseline(corpus, corpus).embed_texts(images[:2, :3]).shape
    (2, 3)
    """

    def __init__(
        self,
        train: Corpus,
        validation: Corpus,
        regularizations: Sequence[float] = (0.1, 0.3, 1.0, 3.0, 10.0),
        powers: Sequence[float] = (0, 1, 2, 4),
        dim: int | None = None,
    ):
        images, texts = train.matches.pairs.T
        self._image_scale = _mean_and_deviation(train.image_features[images])
        self._text_scale = _mean_and_deviation(train.text_features[texts])
        x = self._standardized(train.image_features[images], self._image_scale)
        y = self._standardized(train.text_features[texts], self._text_scale)
        covariances = x.T @ x / len(x), x.T @ y / len(x), y.T @ y / len(x)
        best = -np.inf
        for regularization in regularizations:
            directions = _canonical_directions(*covariances, regularization, dim)
            for power in powers:
                self._use(directions, power)
                figures = retrieval_metrics(
                    self.embed_images(validation.image_features),
                    self.embed_texts(validation.text_features),
                    validation.matches,
                )
                if figures["rsum"] > best:
                    best, chosen = figures["rsum"], (directions, power)
                    self.regularization, self.power = regularization, power
        self._use(*chosen)

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(n, dim)`, rows of unit length."""
        return _unit(self._standardized(features, self._image_scale) @ self._image_map)

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(m, dim)`, rows of unit length."""
        return _unit(self._standardized(features, self._text_scale) @ self._text_map)

    def _use(self, directions, power: float) -> None:
        image_map, text_map, self.correlations = directions
        scale = self.correlations**power
        self._image_map, self._text_map = image_map * scale, text_map * scale

    @staticmethod
    def _standardized(features: ArrayLike, scale) -> np.ndarray:
        mean, deviation = scale
        return (np.asarray(features, np.float64) - mean) / deviation


def _canonical_directions(xx, xy, yy, regularization: float, dim: int | None):
    """Maps of both views and the correlations, by the SVD of the whitened cross-covariance."""
    x_white, y_white = _whitening(xx, regularization), _whitening(yy, regularization)
    left, correlations, right = np.linalg.svd(x_white.T @ xy @ y_white, full_matrices=False)
    return (
        x_white @ left[:, :dim],
        y_white @ right[:dim].T,
        np.minimum(correlations[:dim], 1.0),
    )


def _whitening(covariance: np.ndarray, regularization: float) -> np.ndarray:
    size = len(covariance)
    ridge = max(regularization * np.trace(covariance) / size, 1e-12)
    return np.linalg.inv(np.linalg.cholesky(covariance + ridge * np.eye(size))).T


def _mean_and_deviation(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    features = np.asarray(features, np.float64)
    deviation = features.std(axis=0)
    return features.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(lengths, np.finfo(np.float64).tiny)).astype(np.float32)
