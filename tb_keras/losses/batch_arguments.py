"""The embeddings and masks of a batch, as the losses take them: checked, in one form."""

from __future__ import annotations

import numpy as np
from keras import ops

from tb_keras.corpus.matches import Matches


def static_sizes(images, texts) -> tuple[int, int]:
    """Returns the rows of image embeddings `(n, dim)` and of text embeddings `(m, dim)`.

    Raises:
        ValueError: if a number of rows is not static, or the sizes of the rows differ.
    """
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
    return images.shape[0], texts.shape[0]


def as_mask(mask, rows: int, columns: int, name: str = "matches", otherwise=None):
    """Returns a bool tensor `(rows, columns)`.

    Args:
        mask: of that shape; the one called "matches" may also be int `(columns,)`, each column's
            row. None takes what `otherwise` returns.
        rows: how many rows it must have.
        columns: how many columns it must have.
        name: what to call it in errors.
        otherwise: called where there is no mask.

    Raises:
        ValueError: if the shape is another.
    """
    if mask is None:
        return otherwise()
    if name == "matches" and isinstance(mask, (np.ndarray, list, tuple)) and np.ndim(mask) == 1:
        Matches.of(mask, rows)  # names an image out of range, which a tensor cannot
    mask = ops.convert_to_tensor(mask)
    if name == "matches" and len(mask.shape) == 1:
        mask = ops.cast(mask, "int32")[None, :] == ops.arange(rows, dtype="int32")[:, None]
    if tuple(mask.shape) != (rows, columns):
        raise ValueError(
            f"`{name}` must have shape {(rows, columns)}. Received: shape={tuple(mask.shape)}"
        )
    return ops.cast(mask, "bool")


def pair_masks(matches, negatives, rows: int, columns: int):
    """Returns bool matches and negatives `(rows, columns)`; left out, all others are negatives.

    Raises:
        ValueError: if a shape is another.
    """
    matches = as_mask(matches, rows, columns)
    return matches, as_mask(negatives, rows, columns, "negatives", otherwise=lambda: ~matches)
