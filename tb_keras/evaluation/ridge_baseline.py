"""Ridge regression from image features to text features: what a two-branch network must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus import Corpus
from tb_keras.evaluation.retrieval import retrieval_metrics


class RidgeBaseline:
    """Predicts the text features of an image's texts from the image, and compares by cosine.

    Image features are standardised on the training corpus, text features scaled to unit length. The
    strength of the regularisation is chosen by rsum on the validation corpus.

    Args:
        train: corpus with both features.
        validation: corpus with both features.
        alphas: strengths to choose from.

    Example:

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
    ):
        from sklearn.linear_model import Ridge
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        images, texts = train.matches.pairs.T
        targets = _unit(train.text_features)
        best = -np.inf
        for alpha in alphas:
            model = make_pipeline(StandardScaler(), Ridge(alpha=alpha))
            model.fit(train.image_features[images], targets[texts])
            figures = retrieval_metrics(
                _unit(model.predict(validation.image_features)),
                self.embed_texts(validation.text_features),
                validation.matches,
            )
            if figures["rsum"] > best:
                best, self.alpha, self._model = figures["rsum"], alpha, model

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns the predicted text features, float32 `(n, text_dim)`, of unit length."""
        return _unit(self._model.predict(features))

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns the text features, float32 `(m, text_dim)`, scaled to unit length."""
        return _unit(features)


def _unit(vectors: ArrayLike) -> np.ndarray:
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
