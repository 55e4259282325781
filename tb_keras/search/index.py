"""Exact nearest neighbours over an embedded corpus."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

_BLOCK_VALUES = 2**24  # scores in a block: 64 MiB


class Index:
    """Finds the embeddings with the highest dot product, exactly, block by block.

    Args:
        embeddings: float `(n, dim)`; a memory map stays one.

    Example:

    >>> index = Index(np.eye(3, dtype="float32"))
    >>> scores, rows = index.search(np.array([[0.1, 0.9, 0.4]]), k=2)
    >>> rows
    array([[1, 2]])
    """

    def __init__(self, embeddings: np.ndarray):
        if np.ndim(embeddings) != 2:
            raise ValueError(
                f"`embeddings` must have rank 2. Received: shape={np.shape(embeddings)}"
            )
        self.embeddings = embeddings

    def search(self, queries: ArrayLike, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Returns the best `k` rows of each query, best first; of equal scores the lower row first.

        Args:
            queries: float `(q, dim)`.
            k: how many, at most n.

        Returns:
            float32 `(q, k)` scores and int64 `(q, k)` rows.

        Raises:
            ValueError: if shapes disagree or `k` is not in [1, n].
        """
        queries = np.asarray(queries, np.float32)
        size, dim = self.embeddings.shape
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise ValueError(f"`queries` must have shape (q, {dim}). Received: {queries.shape}")
        if not 1 <= k <= size:
            raise ValueError(f"`k` must be in [1, {size}]. Received: k={k}")
        best = np.empty((len(queries), 0), np.float32)
        best_rows = np.empty((len(queries), 0), np.int64)
        step = max(k, _BLOCK_VALUES // max(1, len(queries)))
        for start in range(0, size, step):
            block = np.asarray(self.embeddings[start : start + step], np.float32)
            rows = np.arange(start, start + len(block))
            best = np.concatenate([best, queries @ block.T], axis=1)
            best_rows = np.concatenate(
                [best_rows, np.broadcast_to(rows, (len(queries), len(rows)))], axis=1
            )
            if best.shape[1] > k:
                kept = _highest(best, k)
                best = best[kept].reshape(-1, k)
                best_rows = best_rows[kept].reshape(-1, k)
        order = np.argsort(-best, axis=1, kind="stable")
        return (
            np.take_along_axis(best, order, axis=1),
            np.take_along_axis(best_rows, order, axis=1),
        )


def _highest(scores: np.ndarray, k: int) -> np.ndarray:
    """Bool mask of each row's `k` highest scores; of equal ones the first."""
    lowest = np.partition(scores, -k, axis=1)[:, [-k]]
    higher, equal = scores > lowest, scores == lowest
    free = k - np.count_nonzero(higher, axis=1, keepdims=True)
    return higher | (equal & (np.cumsum(equal, axis=1) <= free))
