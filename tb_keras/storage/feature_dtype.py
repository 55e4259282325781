"""In which type features are held: most are floats, and the indices of words stay ints."""

from __future__ import annotations

import numpy as np


def feature_dtype(features: np.ndarray, floats: str = "float32") -> str:
    """Returns the type in which features are kept, or go into a batch.

    Args:
        features: of any float type, or word indices of any int type.
        floats: the type for features that are floats.

    Returns:
        "int32" for word indices, else `floats`.

    Examples:
        >>> feature_dtype(np.ones((2, 3))), feature_dtype(np.ones((2, 3), np.int64))
        ('float32', 'int32')
    """
    return "int32" if features.dtype.kind in "iu" else floats
