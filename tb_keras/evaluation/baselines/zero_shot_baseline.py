"""A baseline by the cosine of the features of two encoders that share a space."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.cca.unit_rows import unit_rows


class ZeroShotBaseline:
    """Compares image and text features by their cosine, without any training.

    It is for encoders that share a space, such as CLIP's.

    Reference:
        Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*,
        ICML 2021 (arXiv 2103.00020).

    Examples:
        >>> ZeroShotBaseline().embed_texts([[3.0, 4.0]])
        array([[0.6, 0.8]], dtype=float32)
    """

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(n, dim)`, rows of unit length or zero."""
        return unit_rows(features)

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Returns float32 `(m, dim)`, rows of unit length or zero."""
        return unit_rows(features)
