"""Rows of features that are equal: most likely one picture under several names."""

from __future__ import annotations

import numpy as np

_BLOCK_VALUES = 2**20  # values that are in memory at once


def first_equal_rows(features: np.ndarray) -> np.ndarray:
    """Returns for each row the number of the first row that equals it, int64 `(n,)`.

    Rows are told by hashes of their bytes, eight bytes in memory each, and compared where these
    agree. (Rows that are only nearly equal are not found.)

    Args:
        features: `(n, dim)`, which may be a memory map.

    Examples:
        >>> first_equal_rows(np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 2.0]])).tolist()
        [0, 1, 0]
    """
    rows = np.arange(len(features))
    _, first, place = np.unique(_hashes(features), return_index=True, return_inverse=True)
    firsts = first[place]
    again = np.flatnonzero(firsts != rows)
    step = _block_rows(features)
    for start in range(0, len(again), step):
        some = again[start : start + step]
        is_equal = (features[some] == features[firsts[some]]).all(axis=1)
        firsts[some[~is_equal]] = some[~is_equal]
    return firsts


def _hashes(features: np.ndarray) -> np.ndarray:
    words = -(-features.shape[1] * features.dtype.itemsize // 8)
    weights = np.random.default_rng(0).integers(2**63, size=words, dtype=np.uint64) * 2 + 1
    hashes = np.zeros(len(features), np.uint64)
    if not words:
        return hashes
    step = _block_rows(features)
    for start in range(0, len(features), step):
        block = np.ascontiguousarray(features[start : start + step])
        content = np.zeros((len(block), words * 8), np.uint8)
        content[:, : block.shape[1] * block.itemsize] = block.view(np.uint8).reshape(len(block), -1)
        mixed = content.view(np.uint64)
        mixed ^= mixed >> 29  # round numbers have nothing but zeros in their lower bits
        hashes[start : start + step] = mixed @ weights  # modulo 2**64
    return hashes


def _block_rows(features: np.ndarray) -> int:
    return max(1, _BLOCK_VALUES // max(1, features.shape[1]))
