"""Rows scaled to unit length, as cosines need them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def unit_rows(vectors: ArrayLike) -> np.ndarray:
    """Returns rows of unit length, float32 `(n, dim)`; rows of zeros stay zero.

    Args:
        vectors: float `(n, dim)`.

    Examples:
        >>> unit_rows([[3.0, 4.0], [0.0, 0.0]])
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
