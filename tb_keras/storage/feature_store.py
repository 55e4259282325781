"""Rows of features on disk, each under the digest of what was encoded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tb_keras.storage.growing_matrix import GrowingMatrix
from tb_keras.storage.kept_directory import ROWS, kept_directory, locked, note_use
from tb_keras.storage.kept_dtype import kept_dtype

_DIGESTS = "digests"
_BYTES = 32  # of a digest
_BLOCK_ROWS = 4096  # rows taken at a time


class FeatureStore:
    """The kept features of one encoder, item by item.

    Items are only added, and an item counts once its digest is written. So a process may be killed
    at any moment, and any number of processes may read and add at once.

    Args:
        settings: all that the features depend on besides the items, as JSON.

    Attributes:
        rows: a memory map of all rows, None before the first.

    Examples:
        >>> import tempfile
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, TB_KERAS_CACHE=tempfile.mkdtemp()):
        ...     FeatureStore({"encoder": "x"}).add([b"a" * 32, b"b" * 32], np.eye(2))
        ...     store = FeatureStore({"encoder": "x"})
        ...     store.refresh()
        >>> store.missing([b"b" * 32, b"c" * 32]) == [b"c" * 32]
        True
        >>> store.take([b"b" * 32]).tolist()
        [[0.0, 1.0]]
    """

    def __init__(self, settings: Mapping[str, object]):
        self._directory = kept_directory(settings)
        self._settings = settings
        self._place_of: dict[bytes, int]
        self.rows: np.ndarray | None
        self._seen: tuple[int, int] | None
        self._forget()

    def refresh(self) -> None:
        """Learns of the items on disk, also of those that other processes have added."""
        try:
            with (self._directory / _DIGESTS).open("rb") as file:
                state = os.fstat(file.fileno())
                if self._seen != (state.st_dev, state.st_ino):  # others, after a deletion
                    self._forget()
                    self._seen = state.st_dev, state.st_ino
                file.seek(len(self._place_of) * _BYTES)
                added = file.read()
            if len(added) >= _BYTES or self.rows is None:
                self.rows = np.load(self._directory / ROWS, mmap_mode="r")
                self._load()
            note_use(self._directory, self._settings)
            added = added[: (self._num_whole() - len(self._place_of)) * _BYTES]
        except FileNotFoundError:
            self._forget()
            return
        for start in range(0, len(added) - _BYTES + 1, _BYTES):
            self._place_of[added[start : start + _BYTES]] = len(self._place_of)

    def missing(self, digests: Iterable[bytes]) -> list[bytes]:
        """Returns the distinct digests of items that are not kept, in their order."""
        return [digest for digest in dict.fromkeys(digests) if digest not in self._place_of]

    def rows_of(self, digests: Sequence[bytes]) -> np.ndarray:
        """Returns the row numbers of items, int64 `(n,)`, all of which are there."""
        return np.array([self._place_of[digest] for digest in digests], np.int64)

    def take(self, digests: Sequence[bytes]) -> np.ndarray:
        """Returns the rows of items, `(n, feature_dim)`, all of which are there."""
        assert self.rows is not None
        places = self.rows_of(digests)
        taken = np.empty((len(places), self.rows.shape[1]), self.rows.dtype)
        for start in range(0, len(places), _BLOCK_ROWS):
            rows = places[start : start + _BLOCK_ROWS]
            taken[start : start + _BLOCK_ROWS] = self.rows[rows]
        return taken

    def add(self, digests: Sequence[bytes], features: np.ndarray) -> None:
        """Adds items of one row each, but for those that another process has added meanwhile.

        Args:
            digests: distinct, 32 bytes each.
            features: `(len(digests), feature_dim)`, kept as `kept_dtype` says, floats as float32.
        """
        features = np.asarray(features)
        features = features.astype(kept_dtype(features.dtype, "float32"))
        with locked(self._directory):
            new = self._new(digests)
            if new:
                count = len(self._place_of)
                self._write_rows(count, features[new])
                self._write(_DIGESTS, count * _BYTES, b"".join(digests[item] for item in new))
        self.refresh()

    def _new(self, digests: Sequence[bytes]) -> list[int]:
        """Returns which items are not kept. The directory must be locked."""
        self.refresh()
        return [item for item, digest in enumerate(digests) if digest not in self._place_of]

    def _write_rows(self, start: int, rows: np.ndarray) -> None:
        note_use(self._directory, self._settings)
        with GrowingMatrix(self._directory / ROWS) as matrix:
            matrix.write(start, rows)
            matrix.commit()

    def _write(self, name: str, start: int, content: bytes) -> None:
        """Writes the end of a file. What a killed process wrote there does not count."""
        with (self._directory / name).open("r+b" if start else "wb") as file:
            file.truncate(start)
            file.seek(start)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _load(self) -> None:
        """Reads what else is kept of the items."""

    def _num_whole(self) -> int:
        """Returns of how many items all rows are there."""
        assert self.rows is not None
        return len(self.rows)

    def _forget(self) -> None:
        self._place_of, self.rows, self._seen = {}, None, None
