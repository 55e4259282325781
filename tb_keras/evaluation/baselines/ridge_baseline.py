"""A baseline by ridge regression from image features to text features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.covariances import check_pairs
from tb_keras.cca.unit_rows import unit_rows
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.feature_statistics import mean_and_deviation, product_type, standardized
from tb_keras.evaluation.retrieval import retrieval_metrics


class Embedder(Protocol):
    """A baseline that embeds images and texts, in rows of unit length."""

    def embed_images(self, features: ArrayLike, /) -> np.ndarray: ...

    def embed_texts(self, features: ArrayLike, /) -> np.ndarray: ...


def retrieval_rsum(baseline: Embedder, corpus: Corpus) -> float:
    """Returns a baseline's `rsum` of `tb_keras.evaluation.retrieval_metrics`.

    Args:
        baseline: an object with `embed_images` and `embed_texts` that return rows of unit length.
        corpus: corpus with both features.
    """
    return retrieval_metrics(
        baseline.embed_images(corpus.image_features),
        baseline.embed_texts(corpus.text_features),
        corpus.matches,
    )["rsum"]


class RidgeBaseline:
    """Predicts the text features of an image's texts from the image, and compares by cosine.

    Image features are standardised on the training corpus, and text features scaled to unit length.
    The validation corpus chooses the strength of the regularisation. One eigendecomposition solves
    the normal equations for all strengths, over the distinct images, each weighted by its number of
    texts. The result is that of a regression over all matching pairs. All training features are
    held in memory.

    Args:
        train: corpus with both features.
        validation: corpus with both features.
        alphas: positive floats, the strengths to choose from.
        figure: function of a baseline and the validation corpus; its value chooses the strength,
            higher for better.

    Attributes:
        alpha: the chosen strength.

    Raises:
        ValueError: if `train` lacks features or matches, or no strength has a figure, as with a
            validation corpus without matches.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> images = rng.standard_normal((50, 4))
        >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
        >>> baseline = RidgeBaseline(corpus, corpus)
        >>> baseline.embed_images(images[:2]).shape
        (2, 3)
    """

    def __init__(
        self,
        train: Corpus,
        validation: Corpus,
        alphas: Sequence[float] = (100, 300, 1000, 3000, 10000, 30000),
        figure: Callable[[Embedder, Corpus], float] = retrieval_rsum,
    ):
        check_pairs(train, "train")
        weights_of = self._normal_equations(train)
        best = -np.inf
        for alpha in alphas:
            self._weights = weights_of(alpha)
            found = figure(self, validation)
            if found > best:
                best, self.alpha, chosen = found, alpha, self._weights
        if best == -np.inf:
            raise ValueError(
                "`validation` must have what `figure` measures, and `alphas` a strength. "
                f"Received: validation={validation!r}, alphas={alphas}"
            )
        self._weights = chosen

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns the predicted text features, float32 `(n, text_dim)`, of unit length."""
        features = np.asarray(features, self._weights.dtype)
        return unit_rows(standardized(features, *self._scale) @ self._weights + self._intercept)

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns the text features, float32 `(m, text_dim)`, scaled to unit length."""
        return unit_rows(features)

    def _normal_equations(self, train: Corpus) -> Callable[[float], np.ndarray]:
        """Fits the scaling and the intercept; returns the weights as a function of alpha."""
        import scipy.linalg

        images, texts = train.matches.pairs.T
        images, first, counts = np.unique(images, return_index=True, return_counts=True)
        dtype = product_type(train.image_features)
        x = np.asarray(train.image_features[images], dtype)
        sums = np.add.reduceat(unit_rows(train.text_features)[texts].astype(dtype), first, axis=0)
        self._scale = mean_and_deviation(x, counts)
        self._intercept = sums.sum(axis=0) / counts.sum()
        root = np.sqrt(counts, dtype=dtype)[:, None]
        x = standardized(x, *self._scale) * root
        # The fastest of the drivers.
        values, vectors = scipy.linalg.eigh(x.T @ x, driver="evd")
        projected = vectors.T @ (x.T @ (sums / root - root * self._intercept))
        # Rounding may leave an eigenvalue of zero below zero.
        values = np.maximum(values, 0)[:, None]
        return lambda alpha: vectors @ (projected / (values + dtype.type(alpha)))
