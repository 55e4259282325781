"""Exact search in an embedded corpus, in NumPy."""

from __future__ import annotations

from typing import Any

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
        queries = checked_queries(queries, self.embeddings.shape[1])
        size = len(self.embeddings)
        if not 1 <= k <= size:
            raise ValueError(f"`k` must be in [1, {size}]. Received: k={k}")
        check_int("k", k, least=1)
        return highest_rows(self.embeddings, queries, k)


def checked_queries(queries: ArrayLike, dim: int) -> np.ndarray:
    """Returns queries as float32 `(q, dim)`.

    Raises:
        ValueError: if they have another shape, or are not finite.
    """
    with np.errstate(over="ignore"):
        queries = np.asarray(queries, np.float32)
    if queries.ndim != 2 or queries.shape[1] != dim:
        raise ValueError(f"`queries` must have shape (q, {dim}). Received: {queries.shape}")
    check_norms("queries", queries)
    return queries


def highest_rows(
    embeddings: Any, queries: np.ndarray, k: int, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Finds the rows of highest dot product, in blocks. Ties go to the lower row.

    Args:
        embeddings: finite `(n, dim)`: an array, a memory map, or what gives one by slices.
        queries: finite float32 `(q, dim)`.
        k: int in [1, n], or at most the number of `rows`.
        rows: int64, ascending, the rows to search in; all if left out.

    Returns:
        float32 `(q, k)` scores and int64 `(q, k)` rows, best first.

    Examples:
        >>> highest_rows(np.eye(3), np.float32([[3, 2, 1]]), 1, rows=np.array([1, 2]))[1]
        array([[1]])
    """
    size = embeddings.shape[0] if rows is None else len(rows)
    best = np.empty((len(queries), k), np.float32)
    best_rows = np.empty((len(queries), k), np.int64)
    most = max(k, min(_BLOCK_ROWS, _BLOCK_VALUES // max(1, embeddings.shape[1])))
    start, step = 0, max(k, most // 8)
    while start < size:
        stop = min(start + step, size)
        block, taken = _block(embeddings, start, stop, rows)
        count = max(1, _BLOCK_VALUES // len(block))
        for first in range(0, len(queries), count):
            some = slice(first, first + count)
            scores = queries[some] @ block.T
            if taken is not None:
                scores = scores[:, taken]
            if start:
                scores, columns = _above(scores, best[some].min(axis=1, keepdims=True))
                scores = np.concatenate([best[some], scores], axis=1)
                found = np.concatenate([best_rows[some], start + columns], axis=1)
            else:
                found = np.broadcast_to(np.arange(stop), scores.shape)
            kept = _highest(scores, k)
            best[some] = scores[kept].reshape(-1, k)
            best_rows[some] = found[kept].reshape(-1, k)
        # Many of the first rows are among the best so far, and fewer and fewer later ones.
        start, step = stop, min(2 * step, most)
    order = np.argsort(-best, axis=1, kind="stable")
    best_rows = np.take_along_axis(best_rows, order, axis=1)
    found = best_rows if rows is None else rows[best_rows]
    return np.take_along_axis(best, order, axis=1), found


def _block(
    embeddings: Any, start: int, stop: int, rows: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Returns a block that holds rows number `start` to `stop`, and which of the block they are."""
    if rows is None:
        return np.asarray(embeddings[start:stop], np.float32), None
    rows = rows[start:stop]
    span = rows[-1] + 1 - rows[0]
    if span > 2 * len(rows):
        return np.asarray(embeddings[rows], np.float32), None
    block = np.asarray(embeddings[rows[0] : rows[-1] + 1], np.float32)
    return block, None if span == len(rows) else rows - rows[0]


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
