"""The items of an index, its settings and what its store has yet to learn, in one SQLite file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tb_keras.search.kept.entries import Entry, Known, Live

_ITEMS = "(key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, path TEXT, digest TEXT, row INTEGER)"
_SCHEMA = f"""
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE attributes (number INTEGER PRIMARY KEY, name TEXT UNIQUE, type TEXT NOT NULL);
CREATE TABLE images {_ITEMS};
CREATE TABLE texts {_ITEMS};
CREATE TABLE pending (kind TEXT, key INTEGER, PRIMARY KEY (kind, key));
"""
_AMONG = "IN (SELECT value FROM json_each(?))"
_WAIT = 60  # seconds, for another process that commits


class Items:
    """The items of an index. Each change is a transaction; any number of threads may use it.

    Args:
        path: the SQLite file, which `create` made.

    Attributes:
        settings: settings by name.
        attributes: the type of each attribute, `"number"` or `"text"`.
        columns: the column that each attribute has in the database.

    Raises:
        OSError: here and from every method, if the file is damaged, or cannot be written.
    """

    def __init__(self, path: Path):
        uri = f"{path.absolute().as_uri()}?mode=rw"
        self._path, self._lock = path, threading.RLock()
        self._connection = sqlite3.connect(
            uri, _WAIT, isolation_level=None, check_same_thread=False, uri=True
        )
        self.settings: dict[str, Any] = {}
        self.attributes: dict[str, str] = {}
        self.columns: dict[str, str] = {}
        try:
            self._learn()
        except OSError:
            self.close()
            raise

    @staticmethod
    def create(path: Path, settings: Mapping[str, Any]) -> None:
        """Makes the file, without items."""
        with contextlib.closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(_SCHEMA)
            named = [(name, json.dumps(value)) for name, value in settings.items()]
            connection.executemany("INSERT INTO settings VALUES (?, ?)", named)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes all changes inside it at once, or none."""
        with self._lock:
            self._all("BEGIN IMMEDIATE")
            try:
                yield
                self._all("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._all("ROLLBACK")
                self._learn()
                raise

    def set(self, **settings: Any) -> None:
        """Changes some settings, in a transaction."""
        named = [(name, json.dumps(value)) for name, value in settings.items()]
        self._many("INSERT OR REPLACE INTO settings VALUES (?, ?)", named)
        self.settings = {**self.settings, **settings}

    def declare(self, types: Mapping[str, str]) -> None:
        """Adds attributes that are new, in a transaction."""
        for name in (name for name in types if name not in self.attributes):
            column = f"a{len(self.attributes)}"
            self._all(
                "INSERT INTO attributes VALUES (?, ?, ?)", len(self.attributes), name, types[name]
            )
            self._all(f"ALTER TABLE images ADD COLUMN {column}")
            self._all(f"CREATE INDEX images_{column} ON images ({column})")
            self._learn()

    def put(
        self, kind: str, entries: Sequence[Entry], attributes: Sequence[str], key: int, row: int
    ) -> None:
        """Adds items, or changes those whose identifiers are there, in a transaction.

        Args:
            kind: `"images"` or `"texts"`.
            entries: the items.
            attributes: the names of the attributes that are set; others stay as they are.
            key: of the first; the next ones follow.
            row: of the first embedding; the next ones follow.
        """
        columns = ["key", "row", *self._columns_of(attributes)]
        changes = ", ".join(f"{column} = excluded.{column}" for column in columns)
        self._many(
            f"INSERT INTO {kind} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "
            f"ON CONFLICT (id) DO UPDATE SET {changes}",
            ((key + n, row + n, *_flat(entry)) for n, entry in enumerate(entries)),
        )

    def update(self, kind: str, entries: Sequence[Entry], attributes: Sequence[str]) -> None:
        """Sets the paths and some attributes of items that are there, in a transaction."""
        changes = ", ".join(f"{column} = ?" for column in self._columns_of(attributes))
        self._many(
            f"UPDATE {kind} SET {changes} WHERE id = ?", ((*_flat(e), e.id) for e in entries)
        )

    def delete(self, kind: str, keys: Sequence[int]) -> None:
        """Deletes items by their keys, in a transaction."""
        self._all(f"DELETE FROM {kind} WHERE key {_AMONG}", _json(keys))

    def move(self, kind: str, rows: Iterable[tuple[int, int]]) -> None:
        """Sets the rows of items, given as (row, key), in a transaction."""
        self._many(f"UPDATE {kind} SET row = ? WHERE key = ?", rows)

    def note(self, kind: str, keys: Sequence[int]) -> None:
        """Notes keys that the store has to learn of, in a transaction."""
        self._many("INSERT OR IGNORE INTO pending VALUES (?, ?)", [(kind, key) for key in keys])

    def settle(self, kind: str, keys: Sequence[int]) -> None:
        """Forgets keys that the store knows of now, in a transaction."""
        self._all(f"DELETE FROM pending WHERE kind = ? AND key {_AMONG}", kind, _json(keys))

    def known(self, kind: str, ids: Sequence[str]) -> dict[str, Known]:
        """Returns what is kept of the items with some identifiers, by identifier."""
        names = list(self.attributes) if kind == "images" else []
        columns = ", ".join(["key", *self._columns_of(names)])
        found = self._all(f"SELECT {columns} FROM {kind} WHERE id {_AMONG}", _json(ids))
        return {
            name: Known(key, path, digest, dict(zip(names, values)))
            for key, name, path, digest, *values in found
        }

    def ids(self, kind: str, keys: Sequence[int]) -> dict[int, str]:
        """Returns the identifiers of the items with some keys, by key."""
        return dict(self._all(f"SELECT key, id FROM {kind} WHERE key {_AMONG}", _json(keys)))

    def all_ids(self, kind: str, condition: str, values: Sequence) -> list[str]:
        """Returns the identifiers of the items that an SQL condition holds for, by key."""
        found = self._all(f"SELECT id FROM {kind} WHERE {condition} ORDER BY key", *values)
        return [name for (name,) in found]

    def values(self, kind: str, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Returns the attributes of the items with some keys, by column, without those missing."""
        columns = list(self.columns.values()) if kind == "images" else []
        names = ", ".join(["key", *columns])
        found = self._all(f"SELECT {names} FROM {kind} WHERE key {_AMONG}", _json(keys))
        return {
            key: {name: value for name, value in zip(columns, values) if value is not None}
            for key, *values in found
        }

    def matching(self, kind: str, condition: str, values: Sequence) -> np.ndarray:
        """Returns the keys, int64 and ascending, of the items that an SQL condition holds for."""
        return self._numbers(f"SELECT key FROM {kind} WHERE {condition} ORDER BY key", *values)

    def live(self, kind: str) -> Live:
        """Returns the numbers of all items of a kind, all of one moment."""
        with self._lock:
            self._all("BEGIN")
            try:
                self._learn()
                pending = "SELECT key FROM pending WHERE kind = ? ORDER BY key"
                return Live(
                    self._numbers(f"SELECT key FROM {kind} ORDER BY key"),
                    self._numbers(f"SELECT row FROM {kind} ORDER BY key"),
                    self._numbers(pending, kind),
                    self.settings.get(f"{kind}_generation", 0),
                )
            finally:
                self._all("COMMIT")

    def version(self) -> int:
        """Returns a number that changes when another process, or another object, has committed."""
        return self._all("PRAGMA data_version")[0][0]

    def problems(self) -> list[str]:
        """Returns what is wrong with the file, a line each."""
        try:
            found = [line for (line,) in self._all("PRAGMA integrity_check(5)")]
        except OSError as error:
            return [str(error)]
        return [] if found == ["ok"] else found

    def _columns_of(self, attributes: Sequence[str]) -> list[str]:
        return ["id", "path", "digest", *(self.columns[name] for name in attributes)]

    def _learn(self) -> None:
        settings = self._all("SELECT name, value FROM settings")
        self.settings = {name: json.loads(value) for name, value in settings}
        named = self._all("SELECT name, type FROM attributes ORDER BY number")
        self.attributes = dict(named)
        self.columns = {name: f"a{number}" for number, name in enumerate(self.attributes)}

    def _all(self, sql: str, *values) -> list[tuple]:
        with self._told():
            return self._connection.execute(sql, values).fetchall()

    def _many(self, sql: str, rows: Iterable[Sequence]) -> None:
        with self._told():
            self._connection.executemany(sql, rows)

    def _numbers(self, sql: str, *values) -> np.ndarray:
        with self._told():
            found = self._connection.execute(sql, values)
            return np.fromiter((number for (number,) in found), np.int64)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise OSError(f"{self._path} cannot be used: {error}") from error


def _flat(entry: Entry) -> tuple:
    return (entry.id, entry.path, entry.digest, *entry.values)


def _json(values: Iterable) -> str:
    return json.dumps(list(values))
