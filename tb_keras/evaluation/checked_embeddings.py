"""The arguments of figures of retrieval, checked."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import first_false
from tb_keras.corpus.matches import Matches


def checked_embeddings(
    image_embeddings: ArrayLike, text_embeddings: ArrayLike, matches: Matches | ArrayLike
) -> tuple[np.ndarray, np.ndarray, Matches]:
    """Returns the arguments of `retrieval_metrics`: float32 embeddings and a `Matches`.

    Raises:
        ValueError: if shapes disagree or an embedding is not finite.
    """
    images = checked_rows("image_embeddings", image_embeddings)
    texts = checked_rows("text_embeddings", text_embeddings)
    matches = Matches.of(matches, len(images))
    if matches.num_texts != len(texts) or images.shape[1] != texts.shape[1]:
        raise ValueError(
            f"`text_embeddings` must have shape {(matches.num_texts, images.shape[1])}, as "
            f"`matches` and `image_embeddings` have it. Received: shape={texts.shape}"
        )
    return images, texts, matches


def checked_rows(argument: str, embeddings: ArrayLike) -> np.ndarray:
    """Returns embeddings in float32.

    Raises:
        ValueError: if they have not rank 2, or one is not finite.
    """
    array = np.asarray(embeddings)
    if array.ndim != 2:
        raise ValueError(f"`{argument}` must have rank 2. Received: shape={array.shape}")
    row = first_false(np.isfinite(array).all(axis=1))
    if row is not None:
        raise ValueError(f"`{argument}` must be finite. Received: NaN or infinity in row {row}")
    return array.astype(np.float32, copy=False)
