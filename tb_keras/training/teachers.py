"""A teacher's embeddings of a corpus, whose products are its scores."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork


def teacher_embeddings(
    networks: Iterable[tuple[EmbeddingNetwork, Corpus]],
) -> tuple[np.ndarray, np.ndarray]:
    """Returns embeddings whose scalar products are the mean of several networks' scores.

    The embeddings of the networks stand side by side, so k networks of size d give k·d numbers an
    item, divided by √k.

    Args:
        networks: each teacher with the corpus that the student is trained on, with the features
            that this teacher takes.

    Returns:
        float32 `(num_images, size)` and `(num_texts, size)`, for the argument `teacher` of
        `tb_keras.batching.neighborhood_batches`, `from_recipe` and `train_network`.

    Raises:
        ValueError: if there is no network, or the corpora have different numbers of items.

    Examples:
        >>> corpus = Corpus(np.arange(4), image_features=np.eye(4), text_features=np.eye(4))
        >>> teachers = [
        ...     EmbeddingNetwork(image_dim=4, text_dim=4, hidden_dim=8, embedding_dim=dim)
        ...     for dim in (3, 5)
        ... ]
        >>> images, texts = teacher_embeddings((teacher, corpus) for teacher in teachers)
        >>> images.shape, texts.shape, round(float(np.linalg.norm(images[0])), 4)
        ((4, 8), (4, 8), 1.0)
    """
    views: tuple[list[np.ndarray], list[np.ndarray]] = [], []
    for network, corpus in networks:
        views[0].append(network.embed_images(corpus.image_features))
        views[1].append(network.embed_texts(corpus.text_features))
    if not views[0]:
        raise ValueError("`networks` must have a network at least. Received: none")
    sizes = {(len(images), len(texts)) for images, texts in zip(*views)}
    if len(sizes) > 1:
        raise ValueError(
            "`networks` must have corpora of the same numbers of images and texts. "
            f"Received: {sorted(sizes)}"
        )
    scale = np.float32(1 / np.sqrt(len(views[0])))
    return _side_by_side(views[0], scale), _side_by_side(views[1], scale)


def _side_by_side(parts: list[np.ndarray], scale: np.float32) -> np.ndarray:
    """Returns the columns of all parts, scaled. Each part is let go as it is copied."""
    found = np.empty((len(parts[0]), sum(part.shape[1] for part in parts)), np.float32)
    end = found.shape[1]
    while parts:
        part = parts.pop()
        np.multiply(part, scale, out=found[:, end - part.shape[1] : end])
        end -= part.shape[1]
    return found
