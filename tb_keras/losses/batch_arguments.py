"""The embeddings and masks of a batch, checked and in one form for every loss."""

from __future__ import annotations

import numpy as np
from keras import ops

from tb_keras.corpus.matches import Matches


def checked_batch(image_embeddings, text_embeddings, matches, negatives=None) -> tuple:
    """Returns the embeddings in float32 and the masks in bool.

    Args:
        image_embeddings: float `(n, dim)`, n static.
        text_embeddings: float `(m, dim)`, m static.
        matches: bool `(n, m)`; or int `(m,)`, each text's image; or a `Matches`.
        negatives: bool `(n, m)`. None takes every pair that `matches` neither matches nor ignores.

    Returns:
        float32 `(n, dim)` and `(m, dim)`, the embeddings; bool `(n, m)` twice, the matches and the
        negatives.

    Raises:
        ValueError: if an argument has the wrong shape, or a known image is out of range.
    """
    images, texts = ops.cast(image_embeddings, "float32"), ops.cast(text_embeddings, "float32")
    for name, embeddings in (("image_embeddings", images), ("text_embeddings", texts)):
        if len(embeddings.shape) != 2 or not isinstance(embeddings.shape[0], int):
            raise ValueError(
                f"`{name}` must have rank 2 and a static number of rows. "
                f"Received: shape={tuple(embeddings.shape)}"
            )
    if images.shape[1] != texts.shape[1]:
        raise ValueError(
            "`image_embeddings` and `text_embeddings` must have the same last dimension. "
            f"Received: {tuple(images.shape)} and {tuple(texts.shape)}"
        )
    rows, columns = images.shape[0], texts.shape[0]
    if isinstance(matches, Matches):
        negatives = matches.negative_mask() if negatives is None else negatives
        matches = matches.mask()
    if isinstance(matches, (np.ndarray, list, tuple)) and np.ndim(matches) == 1:
        Matches.of(matches, rows)  # names an image out of range, which a tensor cannot
    matches = ops.convert_to_tensor(matches)
    if len(matches.shape) == 1:
        matches = ops.cast(matches, "int32")[None, :] == ops.arange(rows, dtype="int32")[:, None]
    matches = checked_mask("matches", matches, (rows, columns))
    if negatives is None:
        return images, texts, matches, ~matches
    return images, texts, matches, checked_mask("negatives", negatives, (rows, columns))


def checked_mask(argument: str, mask, shape: tuple[int, int]):
    """Returns a mask as a bool tensor, or raises a ValueError if its shape is not `shape`."""
    mask = ops.convert_to_tensor(mask)
    if tuple(mask.shape) != shape:
        raise ValueError(
            f"`{argument}` must have shape {shape}. Received: shape={tuple(mask.shape)}"
        )
    return ops.cast(mask, "bool")
