"""The dtype in which features are kept on disk."""

from __future__ import annotations

import numpy as np


def kept_dtype(dtype: np.dtype, floats: str) -> str:
    """Returns the dtype in which features are kept.

    Args:
        dtype: that of the features: any float or int.
        floats: that in which floats are kept.

    Examples:
        >>> [kept_dtype(np.dtype(name), "float16") for name in ("float32", "int64", "uint8")]
        ['float16', 'int32', 'uint8']
    """
    if dtype == np.uint8:  # pixels
        return "uint8"
    return "int32" if dtype.kind in "iu" else floats
