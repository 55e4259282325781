"""The masks of a batch: which of its pairs are matches and which are negatives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tb_keras.corpus.adjacency import Adjacency


class BatchMasks(NamedTuple):
    """Four bool masks of a batch with `b` images and `t` texts.

    Padding has neither a match nor a negative.

    Attributes:
        matches: `(b, t)`, true where the image and the text match.
        negatives: `(b, t)`, true where the image and the text are a negative.
        text_negatives: `(t, t)`, true where the two texts are each other's negatives.
        image_negatives: `(b, b)`, true where the two images are each other's negatives.
    """

    matches: np.ndarray
    negatives: np.ndarray
    text_negatives: np.ndarray
    image_negatives: np.ndarray


def view_negatives(rows: np.ndarray, matching: Adjacency, related: Adjacency) -> np.ndarray:
    """Returns which rows of one view are each other's negatives.

    Two texts are each other's negatives if no image that matches one is related to the other. The
    same holds for two images.

    Args:
        rows: int `(r,)`, texts or images, -1 for padding.
        matching: what matches each row.
        related: what matches each row or is ignored with it.

    Returns:
        bool `(r, r)`, symmetric; false on the diagonal and in padding.
    """
    left, right = matching.meeting(related, rows)
    negatives = (rows[:, None] != rows) & (rows >= 0)[:, None] & (rows >= 0)
    negatives[left, right] = False
    negatives[right, left] = False
    return negatives
