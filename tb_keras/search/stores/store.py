"""What an index asks of a library that finds vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from tb_keras.search.kept.item_filter import Condition


class Block(NamedTuple):
    """Vectors that a store is given at a time.

    Attributes:
        keys: int64 `(n,)`.
        vectors: float32 `(n, dim)`.
        attributes: n dicts of the attributes that items have, by column.
    """

    keys: np.ndarray
    vectors: np.ndarray
    attributes: Sequence[dict]


class Store(Protocol):
    """Vectors under integer keys, in a library or a server that finds the highest dot products.

    An index is right whatever its store answers: it knows itself which items there are and fit a
    filter, scores what the store proposes by its own embeddings, and searches exactly what the
    store has not learned yet. A store makes it faster. A key's vector never changes, and all calls
    may be repeated.

    Attributes:
        most: the largest number of vectors that it takes; None for any number.
        waits: how many changes may wait until the store learns of them.
    """

    most: int | None
    waits: int

    def add(self, blocks: Iterable[Block]) -> None:
        """Adds vectors, or sets the attributes of those that are there.

        All blocks are durable when it returns. It holds one of them at a time.
        """

    def delete(self, keys: np.ndarray) -> None:
        """Deletes int64 `(n,)` keys durably; some may not be there."""

    def search(
        self, queries: np.ndarray, k: int, condition: Condition | None, keys: np.ndarray
    ) -> np.ndarray:
        """Proposes keys for each query.

        Args:
            queries: float32 `(q, dim)`.
            k: how many are wanted that fit.
            condition: what the attributes must fit, on columns; None for all.
            keys: int64, ascending, of the items that fit, for a store that knows no attributes.

        Returns:
            int64 `(q, c)` with any c, -1 where there is none.
        """

    def keys(self) -> np.ndarray:
        """Returns all keys, int64."""

    def clear(self) -> None:
        """Deletes everything."""

    def close(self) -> None:
        """Lets go of files and connections."""
