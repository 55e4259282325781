"""Embeddings in int8 or in one bit a dimension, which are searched in their place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

CODED_DTYPES = ("int8", "binary")
_SCALE_BYTES = 4  # of a float32 behind the values of a row


def coded(embeddings: np.ndarray, dtype: str) -> np.ndarray:
    """Returns the codes of embeddings.

    Args:
        embeddings: finite float32 `(n, dim)`.
        dtype: `"int8"`: each row is scaled to [-127, 127], and its scale stands behind it in four
            bytes. `"binary"`: the signs, eight in a byte.

    Returns:
        int8 `(n, dim + 4)` or uint8 `(n, ceil(dim / 8))`.
    """
    if dtype == "binary":
        return np.packbits(embeddings > 0, axis=1)
    scales = np.abs(embeddings).max(axis=1, keepdims=True).astype(np.float32) / 127
    values = np.rint(embeddings / np.maximum(scales, np.finfo(np.float32).tiny))
    return np.concatenate([values.astype(np.int8), scales.view(np.int8)], axis=1)


class DecodedRows(NamedTuple):
    """Codes that give approximate embeddings by slices, as `highest_rows` takes them.

    Attributes:
        codes: as `coded` returns them, an array or a memory map.
        dim: of the embeddings.

    Examples:
        >>> embeddings = np.float32([[0.6, -0.8], [0, 1]])
        >>> DecodedRows(coded(embeddings, "int8"), 2)[:].round(2)
        array([[ 0.6, -0.8],
               [ 0. ,  1. ]], dtype=float32)
        >>> DecodedRows(coded(embeddings, "binary"), 2)[:]
        array([[ 1., -1.],
               [-1.,  1.]], dtype=float32)
    """

    codes: np.ndarray
    dim: int

    @property
    def shape(self) -> tuple[int, int]:
        """The number of rows and the size of the embeddings."""
        return len(self.codes), self.dim

    def __getitem__(self, rows):
        codes = np.ascontiguousarray(self.codes[rows])
        if codes.dtype == np.uint8:
            signs = np.unpackbits(codes, axis=1, count=self.dim).astype(np.float32)
            signs *= 2
            signs -= 1
            return signs
        scales = np.ascontiguousarray(codes[:, -_SCALE_BYTES:]).view(np.float32)
        return codes[:, :-_SCALE_BYTES] * scales
