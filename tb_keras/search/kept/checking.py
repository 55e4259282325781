"""What may be wrong with an index: embeddings, their rows, and what the store has."""

from __future__ import annotations

import numpy as np

from tb_keras.search.kept.embedding_rows import OpenedRows
from tb_keras.search.kept.entries import Live
from tb_keras.search.stores.store import Store


def rows_problems(live: Live, rows: OpenedRows, dtype: str, kind: str) -> list[str]:
    """Returns what is wrong with the embeddings of some items, a line each.

    Args:
        live: the items.
        rows: their embeddings.
        dtype: in which they are kept.
        kind: what they are.
    """
    found = []
    if wrong := rows.wrong_row(live.rows, dtype):
        row, what = wrong
        found.append(f"the embedding in row {row} of the {kind}, and perhaps more, {what}")
    if (np.diff(live.rows) <= 0).any():
        found.append(f"two {kind} have one row")
    return found


def store_problems(live: Live, store: Store, kind: str) -> list[str]:
    """Returns what a store lacks or has too many of, but for what it has yet to learn."""
    try:
        keys = store.keys()
    except ValueError as error:
        return [str(error)]
    kept, items = (np.setdiff1d(some, live.pending) for some in (keys, live.keys))
    lacks, has = len(np.setdiff1d(items, kept)), len(np.setdiff1d(kept, items))
    if not lacks and not has:
        return []
    return [f"the store lacks {lacks} of the {kind} and has {has} too many"]
