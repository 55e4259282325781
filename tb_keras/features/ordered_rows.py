"""Rows of a memory-mapped matrix in another order, as a memory map again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from tb_keras.features.feature_file import feature_file
from tb_keras.storage.mapped_rows import read_ahead

_ROWS_PER_BLOCK = 1024


def ordered_rows(
    features: np.ndarray, rows: np.ndarray, settings: Mapping[str, object]
) -> np.ndarray:
    """Returns `features[rows]` without holding it in memory.

    Args:
        features: `(n, dim)`, a memory map.
        rows: int `(m,)`, at least one; a row may come more than once.
        settings: JSON that tells these rows of these features from others.

    Returns:
        `(m, dim)` in the dtype of `features`: a part of `features` where the rows lie there in
        order, else a file of the cache directory, written once, in blocks.
    """
    first = int(rows[0])
    if np.array_equal(rows, np.arange(first, first + len(rows))):
        return features[first : first + len(rows)]

    def blocks(start: int) -> Iterator[np.ndarray]:
        for first in range(start, len(rows), _ROWS_PER_BLOCK):
            some = rows[first : first + _ROWS_PER_BLOCK]
            read_ahead(features, some)
            yield features[some]

    settings = {"kind": "ordered", "dtype": features.dtype.str, **settings}
    return feature_file(settings, len(rows), blocks, verbose=False, dtype=features.dtype.str)
