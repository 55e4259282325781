"""The weights of a training's best epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics


class BestEpoch:
    """Keeps the weights with the highest `rsum` on the validation split, as `train_network` does.

    Args:
        validation: corpus with both features.
        embed_images: from features `(n, image_dim)` to embeddings `(n, dim)`.
        embed_texts: from features `(m, text_dim)` to embeddings `(m, dim)`.
        weights: returns the present weights, which no later step may change.

    Attributes:
        best: the weights that are best so far; None before anything could be measured.
        rsum: theirs.
    """

    def __init__(
        self,
        validation: Corpus,
        embed_images: Callable[[np.ndarray], np.ndarray],
        embed_texts: Callable[[np.ndarray], np.ndarray],
        weights: Callable[[], object],
    ):
        self.validation, self.weights = validation, weights
        self.embed_images, self.embed_texts = embed_images, embed_texts
        self.best, self.rsum = None, -np.inf

    def look(self) -> None:
        """Measures the present weights; to be called after each epoch."""
        images = self.embed_images(self.validation.image_features)
        texts = self.embed_texts(self.validation.text_features)
        if not (np.isfinite(images).all() and np.isfinite(texts).all()):
            return  # the training diverged
        rsum = retrieval_metrics(images, texts, self.validation.matches)["rsum"]
        if rsum > self.rsum:
            self.best, self.rsum = self.weights(), rsum
