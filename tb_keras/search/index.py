"""Exact search in an embedded corpus, in NumPy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_int
from tb_keras.search.searchable import check_norms

_BLOCK_VALUES = 2**24  # float32 values that a block may hold: 64 MiB
_BLOCK_ROWS = 2**15  # embeddings in a block, at most


class Index:
    """An index that finds the embeddings with the highest dot product, exactly.

    It takes embeddings in blocks, so a memory map stays on disk. It reads them once when it is
    made, to check them. `GraphIndex` does the same inside a TensorFlow graph, for exported models.

    Args:
        embeddings: finite float `(n, dim)`, an array or a memory map.

    Raises:
        ValueError: if `embeddings` do not have rank 2, or a row has NaN, infinity or a squared norm
            that is not finite in float32. The message names the row.

    Examples:
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
        check_norms("embeddings", embeddings)
        self.embeddings = embeddings

    def search(self, queries: ArrayLike, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """Returns the best `k` rows for each query, best first. Ties go to the lower row.

        Args:
            queries: finite float `(q, dim)`.
            k: int in [1, n].

        Returns:
            float32 `(q, k)` scores and int64 `(q, k)` rows.

        Raises:
            ValueError: if shapes disagree, `k` is not in [1, n], or a query is not finite, as for
                `embeddings`.
        """
        with np.errstate(over="ignore"):
            queries = np.asarray(queries, np.float32)
        size, dim = self.embeddings.shape
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise ValueError(f"`queries` must have shape (q, {dim}). Received: {queries.shape}")
        if not 1 <= k <= size:
            raise ValueError(f"`k` must be in [1, {size}]. Received: k={k}")
        check_int("k", k, least=1)
        check_norms("queries", queries)
        best = np.empty((len(queries), k), np.float32)
        best_rows = np.empty((len(queries), k), np.int64)
        most = max(k, min(_BLOCK_ROWS, _BLOCK_VALUES // max(1, dim)))
        start, step = 0, max(k, most // 8)
        while start < size:
            block = np.asarray(self.embeddings[start : start + step], np.float32)
            count = max(1, _BLOCK_VALUES // len(block))
            for first in range(0, len(queries), count):
                some = slice(first, first + count)
                scores = queries[some] @ block.T
                if start:
                    scores, columns = _above(scores, best[some].min(axis=1, keepdims=True))
                    scores = np.concatenate([best[some], scores], axis=1)
                    rows = np.concatenate([best_rows[some], start + columns], axis=1)
                else:
                    rows = np.broadcast_to(np.arange(len(block)), scores.shape)
                kept = _highest(scores, k)
                best[some] = scores[kept].reshape(-1, k)
                best_rows[some] = rows[kept].reshape(-1, k)
            # Many of the first rows are among the best so far, and fewer and fewer later ones.
            start, step = start + len(block), min(2 * step, most)
        order = np.argsort(-best, axis=1, kind="stable")
        return (
            np.take_along_axis(best, order, axis=1),
            np.take_along_axis(best_rows, order, axis=1),
        )


def _above(scores: np.ndarray, lowest: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the scores of each row above `lowest` `(q, 1)`, in order, and their columns.

    Where a row has fewer than another, -inf and column 0 follow.
    """
    row, column = np.divmod(np.flatnonzero(scores > lowest), scores.shape[1])
    count = np.bincount(row, minlength=len(scores))
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    found = np.full((len(scores), count.max()), -np.inf, np.float32)
    columns = np.zeros(found.shape, np.int64)
    found[row, place], columns[row, place] = scores[row, column], column
    return found, columns


def _highest(scores: np.ndarray, k: int) -> np.ndarray:
    """Returns a bool mask of the `k` highest scores of each row. The first of equal ones wins."""
    lowest = np.partition(scores, -k, axis=1)[:, [-k]]
    higher, equal = scores > lowest, scores == lowest
    free = k - np.count_nonzero(higher, axis=1, keepdims=True)
    return higher | (equal & (np.cumsum(equal, axis=1) <= free))
