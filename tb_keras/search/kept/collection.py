"""The images or the texts of an index: items, embeddings and store, kept in step."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from tb_keras.search.kept.checking import rows_problems, store_problems
from tb_keras.search.kept.codes import CODED_DTYPES
from tb_keras.search.kept.embedding_rows import EmbeddingRows, OpenedRows
from tb_keras.search.kept.entries import Entry, Known, Live
from tb_keras.search.kept.item_filter import Condition, sql_of
from tb_keras.search.kept.items import Items
from tb_keras.search.kept.proposed_keys import is_among, proposed_keys, rows_of
from tb_keras.search.searchable import check_norms
from tb_keras.search.stores.opening import opened_store
from tb_keras.search.stores.store import Block

_STORE_ROWS = 65_536  # handed to a store at a time
_MOST_HOLES = 1000  # rows without an item, before half of all may be holes


class Collection:
    """The items of one kind.

    Each change is written to the embeddings' files first and then, in one transaction, to the
    items, with a note of what the store has to learn. So a process may be killed at any moment: the
    items say what is there, and `catch_up` teaches the store what it has missed.

    Args:
        directory: of the index.
        items: of the index.
        kind: `"images"` or `"texts"`.
    """

    def __init__(self, directory: Path, items: Items, kind: str):
        self._directory, self._items, self.kind = directory, items, kind
        self._dtype = items.settings["dtype"]
        self._lock = threading.Lock()
        self._seen: tuple[int, Live, OpenedRows] | None = None
        self.store = opened_store(items.settings, kind, directory)
        has_codes = self._dtype in CODED_DTYPES and self.store is not None  # of its own
        self._kept_dtype = "float32" if has_codes else self._dtype

    def opened(self) -> tuple[Live, OpenedRows]:
        """Returns the items there are now, and their embeddings."""
        with self._lock:
            while True:
                version = self._items.version()
                if self._seen is not None and self._seen[0] == version:
                    return self._seen[1:]
                live = self._items.live(self.kind)
                try:
                    self._seen = version, live, self._files(live.generation).opened(_size(live))
                except FileNotFoundError:
                    if version == self._items.version():  # no other process has compacted it
                        raise FileNotFoundError(
                            f"{self._directory} has lost its {self.kind} (.npy)"
                        ) from None

    def put(
        self, entries: Sequence[Entry], attributes: Sequence[str], embeddings: np.ndarray
    ) -> None:
        """Adds items, or changes the content of those whose identifiers are there, all at once.

        Args:
            entries: the items.
            attributes: the names of the attributes that are set.
            embeddings: float `(len(entries), dim)`.

        Raises:
            ValueError: if `embeddings` are not finite, or not of the size of those that are there.
        """
        embeddings = np.asarray(embeddings, np.float32)
        dim = self._items.settings.get("dim") or embeddings.shape[-1]
        if embeddings.shape != (len(entries), dim):
            raise ValueError(
                f"the model must give embeddings of shape {(len(entries), dim)}. "
                f"Received: shape={embeddings.shape}"
            )
        check_norms("embeddings", embeddings)
        live, _ = self.opened()
        most = None if self.store is None else self.store.most
        if most is not None and len(live.keys) + len(entries) > most:
            raise ValueError(
                f"the store takes up to {most:,} {self.kind} without `store_url`. Received: more"
            )
        before = [item.key for item in self.known([entry.id for entry in entries]).values()]
        with self._changing() as follow:
            key, row = self._items.settings["next_key"], _size(live)
            self._files(live.generation).write(row, embeddings)
            self._items.put(self.kind, entries, attributes, key, row)
            self._items.set(next_key=key + len(entries), dim=embeddings.shape[1])
            live = self._without(live, before)
            new = np.arange(key, key + len(entries))
            keys = np.concatenate([live.keys, new])
            rows = np.concatenate([live.rows, row + np.arange(len(entries))])
            follow(Live(keys, rows, self._noted(live, new.tolist()), live.generation))

    def update(self, entries: Sequence[Entry], attributes: Sequence[str]) -> None:
        """Sets the paths and some attributes of items that are there, all at once."""
        live, _ = self.opened()
        known = self.known([entry.id for entry in entries])
        with self._changing() as follow:
            self._items.update(self.kind, entries, attributes)
            follow(live._replace(pending=self._noted(live, [k.key for k in known.values()])))

    def delete(self, keys: Sequence[int]) -> None:
        """Deletes items, all at once."""
        live, _ = self.opened()
        with self._changing() as follow:
            self._items.delete(self.kind, keys)
            follow(self._without(live, keys))

    def catch_up(self, verbose: bool = False) -> None:
        """Teaches the store what it has missed, and deletes files that are no longer used."""
        live, rows = self.opened()
        current = self._files(live.generation).path.name
        for file in self._directory.glob(f"{self.kind}-*.npy"):
            if file.name.partition(".")[0] != current:
                file.unlink()
        if self.store is None or len(live.pending) <= self.store.waits:
            return
        there = int(np.count_nonzero(is_among(live.pending, live.keys)))
        progress = keras.utils.Progbar(there, verbose=verbose, unit_name="vector")
        start, known = 0, len(live.keys) - there
        while start < len(live.pending):
            # A store may write itself anew each time, so it is given as many as it has.
            keys = live.pending[start : start + max(_STORE_ROWS, known + start)]
            is_there = is_among(keys, live.keys)
            self.store.delete(keys[~is_there])
            self.store.add(self._blocks(keys[is_there], live, rows, progress))
            start += len(keys)
            with self._changing() as follow:
                self._items.settle(self.kind, keys.tolist())
                follow(live._replace(pending=live.pending[start:]))

    def repair(self, verbose: bool = False) -> None:
        """Teaches the store what it has lost, and to forget what it has too many of."""
        if self.store is None:
            return
        live, _ = self.opened()
        try:
            keys = self.store.keys()
        except ValueError:  # it is damaged
            self.store.clear()
            keys = np.zeros(0, np.int64)
        with self._changing() as follow:
            differ = np.setxor1d(keys, live.keys)
            follow(live._replace(pending=self._noted(live, differ.tolist())))
        self.catch_up(verbose)

    def compact(self) -> None:
        """Writes the embeddings anew, without holes, if more than half of the rows are holes."""
        live, _ = self.opened()
        if _size(live) - len(live.rows) <= max(_MOST_HOLES, len(live.rows)):
            return
        old, new = self._files(live.generation), self._files(live.generation + 1)
        old.copy_to(new, live.rows)
        with self._changing() as follow:
            self._items.move(self.kind, enumerate(live.keys.tolist()))
            self._items.set(**{f"{self.kind}_generation": live.generation + 1})
            rows = np.arange(len(live.keys))
            follow(live._replace(rows=rows, generation=live.generation + 1))
        old.delete()

    def search(
        self, queries: np.ndarray, k: int, condition: Condition | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns float32 scores and identifiers, both `(q, min(k, n))`, best first.

        n items fit the condition. Of equal scores the item that was added first comes first.

        Args:
            queries: finite float32 `(q, dim)`.
            k: how many to find.
            condition: on columns of the attributes; None for all items.
        """
        while True:
            live, rows = self.opened()
            keys = live.keys
            if condition is not None:
                fit = self._items.matching(self.kind, *sql_of(condition))
                keys = fit[is_among(fit, keys)]
            count = min(k, len(keys))
            proposed = proposed_keys(
                queries, count, keys, live, rows, self._dtype, self.store, condition
            )
            scores = rows.scores(queries, rows_of(live, np.maximum(proposed, live.keys[:1])))
            scores[proposed < 0] = -np.inf
            order = np.lexsort((proposed, -scores))[:, :count]
            scores, found = (np.take_along_axis(a, order, axis=1) for a in (scores, proposed))
            names = self._items.ids(self.kind, np.unique(found).tolist())
            if len(names) == len(np.unique(found)):  # none was deleted meanwhile
                return scores, np.array([names[key] for key in found.flat], object).reshape(
                    found.shape
                )
            self._forget()

    def ids(self, condition: Condition | None) -> list[str]:
        """Returns the identifiers of the items that fit a condition, by ascending key."""
        return self._items.all_ids(self.kind, *(sql_of(condition) if condition else ("1", [])))

    def known(self, ids: Sequence[str]) -> dict[str, Known]:
        """Returns what is kept of the items with some identifiers, by identifier."""
        return self._items.known(self.kind, ids)

    def embeddings(self, keys: Sequence[int]) -> np.ndarray:
        """Returns the embeddings of items, float32 `(len(keys), dim)`."""
        live, rows = self.opened()
        return np.asarray(rows.floats[rows_of(live, np.asarray(keys, np.int64))], np.float32)

    def clear_store(self) -> None:
        """Deletes all that the store has."""
        if self.store is not None:
            self.store.clear()

    def close(self) -> None:
        """Lets go of the store."""
        if self.store is not None:
            self.store.close()

    def problems(self) -> list[str]:
        """Returns what is wrong with the embeddings or the store, a line each."""
        try:
            live, rows = self.opened()
        except (FileNotFoundError, ValueError) as error:
            return [str(error)]
        found = rows_problems(live, rows, self._kept_dtype, self.kind)
        return found if self.store is None else found + store_problems(live, self.store, self.kind)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Callable[[Live], None]]:
        """A transaction, in which a call says what there is after it, so that it is not read."""
        told: list[Live] = []
        try:
            with self._items.transaction():
                yield told.append
            rows = self._files(told[0].generation).opened(_size(told[0]))
            with self._lock:
                self._seen = self._seen and (self._seen[0], told[0], rows)
        except BaseException:
            self._forget()
            raise

    def _blocks(
        self, keys: np.ndarray, live: Live, rows: OpenedRows, progress: keras.utils.Progbar
    ) -> Iterator[Block]:
        """Yields what the store has to learn of items that are there."""
        for start in range(0, len(keys), _STORE_ROWS):
            some = keys[start : start + _STORE_ROWS]
            values = self._items.values(self.kind, some.tolist())
            vectors = np.asarray(rows.floats[rows_of(live, some)], np.float32)
            yield Block(some, vectors, [values[key] for key in some.tolist()])
            progress.add(len(some))

    def _forget(self) -> None:
        with self._lock:
            self._seen = None

    def _without(self, live: Live, keys: Sequence[int]) -> Live:
        """Returns what there is without some items, of which the store has to learn."""
        if not keys:
            return live
        left = ~is_among(live.keys, np.sort(np.array(keys, np.int64)))
        return Live(live.keys[left], live.rows[left], self._noted(live, keys), live.generation)

    def _noted(self, live: Live, keys: Sequence[int]) -> np.ndarray:
        """Notes keys that the store has to learn of, and returns all of these."""
        if self.store is None:
            return live.pending
        self._items.note(self.kind, keys)
        noted = np.sort(np.array(keys, np.int64))
        if len(noted) and noted[0] > live.pending.max(initial=0):  # new ones, which are many
            return np.concatenate([live.pending, noted])
        return np.union1d(live.pending, noted)

    def _files(self, generation: int) -> EmbeddingRows:
        return EmbeddingRows(self._directory / f"{self.kind}-{generation}", self._kept_dtype)


def _size(live: Live) -> int:
    """Returns the number of rows up to the last item's."""
    return int(live.rows[-1]) + 1 if len(live.rows) else 0
