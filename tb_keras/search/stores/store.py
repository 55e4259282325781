"""What an index asks of a library that finds vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tb_keras.search.kept.embedding_rows import DTYPES
from tb_keras.search.kept.item_filter import Condition


class Store(Protocol):
    """Vectors under integer keys, in a library or a server that finds the highest dot products.

    An index is right whatever its store answers: it knows itself which items there are and fit a
    filter, scores what the store proposes by its own embeddings, and searches exactly what the
    store has not learned yet. A store makes it faster. A key's vector never changes, and all calls
    may be repeated.
    """

    def add(self, keys: np.ndarray, vectors: np.ndarray, attributes: Sequence[dict]) -> None:
        """Adds vectors durably, or sets the attributes of those that are there.

        Args:
            keys: int64 `(n,)`.
            vectors: float32 `(n, dim)`.
            attributes: n dicts of the attributes that items have, by column.
        """

    def delete(self, keys: np.ndarray) -> None:
        """Deletes int64 `(n,)` keys durably; some may not be there."""

    def search(
        self, queries: np.ndarray, k: int, condition: Condition | None, share: float
    ) -> np.ndarray:
        """Proposes keys for each query.

        Args:
            queries: float32 `(q, dim)`.
            k: how many are wanted that fit.
            condition: what the attributes must fit, on columns; None for all. A store that cannot
                filter proposes more keys instead.
            share: the share of the items that fit, in (0, 1].

        Returns:
            int64 `(q, c)` with any c, -1 where there is none.
        """

    def count(self) -> int:
        """Returns the number of vectors."""

    def keys(self) -> np.ndarray:
        """Returns all keys, int64."""

    def clear(self) -> None:
        """Deletes everything."""

    def close(self) -> None:
        """Lets go of files and connections."""


STORES = ("exact",)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Checks the settings `"store"`, `"store_url"` and `"dtype"` of an index, before it is made.

    Raises:
        ValueError: if one is not one that there is.
        ModuleNotFoundError: if the store's package is not installed.
    """
    for name, known in (("store", STORES), ("dtype", DTYPES)):
        if settings[name] not in known:
            raise ValueError(
                f"`{name}` must be one of {', '.join(known)}. Received: {settings[name]!r:.80}"
            )


def opened_store(settings: Mapping[str, Any], kind: str, directory: Path) -> Store | None:
    """Opens the store of an index for `"images"` or `"texts"`, None if it is searched exactly."""
    return None
