"""Which items may be the best for a query: exactly, or as a store proposes them."""

from __future__ import annotations

import numpy as np

from tb_keras.search.kept.codes import CODED_DTYPES
from tb_keras.search.kept.embedding_rows import OpenedRows
from tb_keras.search.kept.entries import Live
from tb_keras.search.kept.item_filter import Condition
from tb_keras.search.stores.store import Store

_FEW_ROWS = 10_000  # that fit a filter, and are searched exactly whatever the store
_RESCORED = 200  # candidates by code, at least, that are scored by floats


def proposed_keys(
    queries: np.ndarray,
    count: int,
    keys: np.ndarray,
    live: Live,
    rows: OpenedRows,
    dtype: str,
    store: Store | None,
    condition: Condition | None,
) -> np.ndarray:
    """Returns at least `count` distinct keys for each query, and -1 in other places.

    A store's proposals count if they are among `keys`. What it has not learned yet is searched
    exactly, and so is everything for a query that it proposes too few keys for.

    Args:
        queries: float32 `(q, dim)`.
        count: how many are wanted, at most as many as `keys`.
        keys: int64, ascending, the items to search in.
        live: all items.
        rows: their embeddings.
        dtype: in which embeddings are searched.
        store: where vectors are searched; None for exact search.
        condition: on columns, what `keys` fit.

    Returns:
        int64 `(q, c)`.
    """

    def exactly(queries: np.ndarray, count: int, keys: np.ndarray) -> np.ndarray:
        found = rows.search(queries, count, rows_of(live, keys))
        return live.keys[np.searchsorted(live.rows, found)]

    rescored = max(count, _RESCORED) if dtype in CODED_DTYPES else count
    if store is None or len(keys) <= _FEW_ROWS:
        return exactly(queries, min(rescored, len(keys)), keys)
    found = [store.search(queries, rescored, condition, keys)]
    waiting = live.pending[is_among(live.pending, keys)]
    if len(waiting):
        found.append(exactly(queries, min(count, len(waiting)), waiting))
    proposed = -np.sort(-np.concatenate(found, axis=1), axis=1)
    proposed[:, 1:][proposed[:, 1:] == proposed[:, :-1]] = -1
    proposed[~is_among(proposed, keys)] = -1
    lacking = np.count_nonzero(proposed >= 0, axis=1) < count
    if lacking.any():
        missing = max(0, count - proposed.shape[1])
        proposed = np.pad(proposed, ((0, 0), (0, missing)), constant_values=-1)
        proposed[lacking] = -1
        proposed[lacking, :count] = exactly(queries[lacking], count, keys)
    return proposed


def is_among(values: np.ndarray, ascending: np.ndarray) -> np.ndarray:
    """Returns whether each value is among ascending numbers.

    Examples:
        >>> is_among(np.array([3, 4]), np.array([1, 3]))
        array([ True, False])
    """
    if not len(ascending):
        return np.zeros(values.shape, bool)
    places = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return ascending[places] == values


def rows_of(live: Live, keys: np.ndarray) -> np.ndarray:
    """Returns the rows of the items with some keys, all of which are there."""
    if keys is live.keys:
        return live.rows
    return live.rows[np.searchsorted(live.keys, keys)]
