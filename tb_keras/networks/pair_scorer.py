"""Scores of pairs, in blocks, for any class that embeds images and texts and fuses the two."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_rows

_PAIRS = 8192  # pairs that are fused at a time


class PairScorer:
    """Scores pairs of images and texts; a subclass embeds them and fuses their embeddings."""

    # Not an `abc.ABC`: Keras makes an instance of each base of a functional model's class.

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns the embeddings of image features `(n, image_dim)`, float32 `(n, dim)`."""
        raise NotImplementedError

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns the embeddings of text features `(m, text_dim)`, float32 `(m, dim)`."""
        raise NotImplementedError

    def fuse(self, image_embeddings: np.ndarray, text_embeddings: np.ndarray) -> np.ndarray:
        """Returns the scores of pairs of embeddings `(p, dim)` each, float32 `(p,)`."""
        raise NotImplementedError

    def score(self, image_features: np.ndarray, text_features: np.ndarray) -> np.ndarray:
        """Scores pairs: the image and the text of each row.

        Args:
            image_features: float `(n, image_dim)`.
            text_features: float `(n, text_dim)`.

        Returns:
            float32 `(n,)`, higher for pairs that belong together.

        Raises:
            ValueError: if there are not as many texts as images.
        """
        if len(image_features) != len(text_features):
            raise ValueError(
                f"`text_features` must have {len(image_features)} rows, as `image_features`. "
                f"Received: {len(text_features)}"
            )
        rows = np.arange(len(image_features))
        return self.score_pairs(image_features, text_features, rows, rows)

    def score_pairs(
        self,
        image_features: np.ndarray,
        text_features: np.ndarray,
        image_rows: np.ndarray,
        text_rows: np.ndarray,
    ) -> np.ndarray:
        """Scores some pairs; each image and each text is embedded once.

        Args:
            image_features: float `(n, image_dim)`.
            text_features: float `(m, text_dim)`.
            image_rows: int `(p,)`, the row of each pair's image.
            text_rows: int `(p,)`, the row of each pair's text.

        Returns:
            float32 `(p,)`.

        Raises:
            ValueError: if a row is out of range, or `image_rows` and `text_rows` differ in length.
        """
        image_rows = _checked_rows("image_rows", image_rows, len(image_features))
        text_rows = _checked_rows("text_rows", text_rows, len(text_features))
        if len(image_rows) != len(text_rows):
            raise ValueError(
                f"`text_rows` must have {len(image_rows)} entries, as `image_rows`. "
                f"Received: {len(text_rows)}"
            )
        images, texts = self.embed_images(image_features), self.embed_texts(text_features)
        return self.fuse_rows(images, texts, image_rows, text_rows)

    def score_blocks(
        self, image_features: np.ndarray, text_features: np.ndarray
    ) -> Iterator[np.ndarray]:
        """Yields the scores of every image with every text, in blocks float32 `(rows, m)`.

        Use it for corpora whose matrix does not fit in memory; see
        `tb_keras.evaluation.retrieval_metrics_from_scores`.

        Args:
            image_features: float `(n, image_dim)`.
            text_features: float `(m, text_dim)`.
        """
        return self.fuse_blocks(self.embed_images(image_features), self.embed_texts(text_features))

    def score_matrix(self, image_features: np.ndarray, text_features: np.ndarray) -> np.ndarray:
        """Returns the scores of every image with every text, float32 `(n, m)`.

        Args:
            image_features: float `(n, image_dim)`, for example those of all regions of a picture.
            text_features: float `(m, text_dim)`, for example those of all phrases about it.
        """
        empty = np.zeros((0, len(text_features)), np.float32)
        return np.concatenate([empty, *self.score_blocks(image_features, text_features)])

    def fuse_blocks(self, images: np.ndarray, texts: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the scores of every image with every text from embeddings, as `score_blocks` does.

        Args:
            images: float32 `(n, dim)`, embeddings.
            texts: float32 `(m, dim)`, embeddings.
        """
        step = max(1, _PAIRS // max(1, len(texts)))
        for start in range(0, len(images), step):
            rows = np.arange(start, min(start + step, len(images)))
            columns = np.arange(len(texts))
            scores = self.fuse_rows(
                images, texts, np.repeat(rows, len(texts)), np.tile(columns, len(rows))
            )
            yield scores.reshape(len(rows), len(texts))

    def fuse_rows(
        self, images: np.ndarray, texts: np.ndarray, image_rows: np.ndarray, text_rows: np.ndarray
    ) -> np.ndarray:
        """Scores some pairs of embeddings, block by block.

        Args:
            images: float32 `(n, dim)`, embeddings.
            texts: float32 `(m, dim)`, embeddings.
            image_rows: int `(p,)`, the row of each pair's image.
            text_rows: int `(p,)`, the row of each pair's text.

        Returns:
            float32 `(p,)`.
        """
        scores = np.empty(len(image_rows), np.float32)
        # The last block is filled up, so that shapes stay static.
        block = min(_PAIRS, 1 << max(0, len(image_rows) - 1).bit_length())
        for start in range(0, len(image_rows), block):
            some = slice(start, start + block)
            of_images, of_texts = (np.resize(rows[some], block) for rows in (image_rows, text_rows))
            scores[some] = self.fuse(images[of_images], texts[of_texts])[: len(scores) - start]
        return scores


def _checked_rows(argument: str, rows: ArrayLike, size: int) -> np.ndarray:
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(
            f"`{argument}` must be an int array of shape (p,). "
            f"Received: shape={rows.shape}, dtype={rows.dtype}"
        )
    check_rows(argument, rows, size)
    return rows
