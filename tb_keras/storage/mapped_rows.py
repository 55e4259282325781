"""Rows of a memory map, read from disk without what lies around them."""

from __future__ import annotations

import mmap

import numpy as np


def read_ahead(features: np.ndarray, rows: np.ndarray) -> None:
    """Asks the system to read some rows of a memory map, all at once, before you take them.

    Otherwise each row waits for the disk in turn, and the system also reads megabytes around it. If
    the file is larger than the memory, these drive out the rows that are needed next.

    Args:
        features: `(n, dim)`. Nothing happens if it is no memory map.
        rows: int `(b,)`, in [0, n).

    Examples:
        >>> read_ahead(np.ones((3, 2)), np.array([2, 0]))
    """
    file = getattr(features, "_mmap", None)
    if file is None:
        return
    start = features.ctypes.data - np.frombuffer(file, np.uint8).ctypes.data
    starts = start + np.sort(rows).astype(np.int64) * features.strides[0]
    ends = starts + features.shape[1] * features.itemsize
    starts -= starts % mmap.PAGESIZE
    for first, end in zip(starts.tolist(), ends.tolist()):
        file.madvise(mmap.MADV_WILLNEED, first, end - first)
