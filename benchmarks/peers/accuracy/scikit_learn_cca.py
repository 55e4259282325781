"""Canonical correlation analysis by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.retrieval import retrieval_metrics


class ScikitLearnCCA:
    """scikit-learn's CCA after PCA, compared by cosine.

    Both views are standardised and reduced by PCA. Without PCA, CCA on a few thousand pairs of
    thousands of dimensions finds nothing but chance correlations. The rsum on the validation corpus
    chooses the number of components.

    Args:
        train: corpus with both features.
        validation: corpus with both features.
        dims: numbers of principal components to choose from. Each view takes at most as many as it
            has dimensions or pairs, and half of them are the canonical directions. A number for
            which scikit-learn's singular value decomposition does not converge is left out.

    Raises:
        numpy.linalg.LinAlgError: if it converges for none of `dims`.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> images = rng.standard_normal((50, 4))
        >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
        >>> ScikitLearnCCA(corpus, corpus, dims=[4]).embed_texts(images[:2, :3]).shape
        (2, 1)
    """

    def __init__(self, train: Corpus, validation: Corpus, dims: Sequence[int] = (32, 64, 128)):
        best = -np.inf
        for dim in dims:
            try:
                fitted = _fitted(train, dim)
            except np.linalg.LinAlgError:
                if dim == dims[-1] and best == -np.inf:
                    raise
                continue
            image_side, text_side = fitted
            figures = retrieval_metrics(
                image_side(validation.image_features),
                text_side(validation.text_features),
                validation.matches,
            )
            if figures["rsum"] > best:
                best, self.dim = figures["rsum"], dim
                self._image_side, self._text_side = fitted

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(n, directions)`, rows of unit length."""
        return self._image_side(features)

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(m, directions)`, rows of unit length."""
        return self._text_side(features)


def _fitted(train: Corpus, dim: int):
    """Returns functions from features to canonical directions, for images and for texts."""
    from sklearn.cross_decomposition import CCA
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler, normalize

    images, texts = train.matches.pairs.T
    reduced, reducers = [], []
    for features, rows in ((train.image_features, images), (train.text_features, texts)):
        size = min(dim, *features.shape)
        reducer = make_pipeline(StandardScaler(), PCA(size, random_state=0)).fit(features)
        reducers.append(reducer)
        reduced.append(reducer.transform(features[rows]))
    directions = max(1, min(part.shape[1] for part in reduced) // 2)
    model = CCA(n_components=directions, max_iter=2000).fit(*reduced)
    image_reducer, text_reducer = reducers

    def image_side(features: ArrayLike) -> np.ndarray:
        return normalize(model.transform(image_reducer.transform(features))).astype(np.float32)

    def text_side(features: ArrayLike) -> np.ndarray:
        texts = text_reducer.transform(features)
        no_images = np.zeros((len(texts), reduced[0].shape[1]))
        return normalize(model.transform(no_images, texts)[1]).astype(np.float32)

    return image_side, text_side
