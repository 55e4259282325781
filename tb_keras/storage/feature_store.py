"""Rows of features on disk, each under the digest of what was encoded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tb_keras.storage.growing_matrix import GrowingMatrix
from tb_keras.storage.kept_directory import ROWS, kept_directory, locked, note_use

_DIGESTS = "digests"
_BYTES = 32  # of a digest
_BLOCK_ROWS = 4096  # rows taken at a time


class FeatureStore:
    """The kept features of one encoder, item by item.

    Rows are only added, and a row counts once its digest is written. So a process may be killed at
    any moment, and any number of processes may read and add at once.

    Args:
        settings: all that the features depend on besides the items, as JSON.

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
        self._row_of: dict[bytes, int] = {}
        self._rows: np.ndarray | None = None
        self._seen: tuple[int, int] | None = None  # the file of the digests

    def refresh(self) -> None:
        """Learns of the rows on disk, also of those that other processes have added."""
        try:
            with (self._directory / _DIGESTS).open("rb") as file:
                state = os.fstat(file.fileno())
                if self._seen != (state.st_dev, state.st_ino):  # others, after a deletion
                    self._forget()
                    self._seen = state.st_dev, state.st_ino
                file.seek(len(self._row_of) * _BYTES)
                added = file.read()
            if len(added) >= _BYTES or self._rows is None:
                self._rows = np.load(self._directory / ROWS, mmap_mode="r")
            note_use(self._directory, self._settings)
            added = added[: (len(self._rows) - len(self._row_of)) * _BYTES]
        except FileNotFoundError:
            self._forget()
            return
        for start in range(0, len(added) - _BYTES + 1, _BYTES):
            self._row_of[added[start : start + _BYTES]] = len(self._row_of)

    def missing(self, digests: Iterable[bytes]) -> list[bytes]:
        """Returns the distinct digests that have no row, in their order."""
        return [digest for digest in dict.fromkeys(digests) if digest not in self._row_of]

    def take(self, digests: Sequence[bytes]) -> np.ndarray:
        """Returns the rows of digests, `(len(digests), feature_dim)`, all of which are there."""
        assert self._rows is not None
        places = np.array([self._row_of[digest] for digest in digests], np.int64)
        taken = np.empty((len(places), self._rows.shape[1]), self._rows.dtype)
        for start in range(0, len(places), _BLOCK_ROWS):
            rows = places[start : start + _BLOCK_ROWS]
            taken[start : start + _BLOCK_ROWS] = self._rows[rows]
        return taken

    def add(self, digests: Sequence[bytes], features: np.ndarray) -> None:
        """Adds rows, but for those that another process has added meanwhile.

        Args:
            digests: distinct, 32 bytes each.
            features: `(len(digests), feature_dim)`, kept as float32, or as int32 for ints.
        """
        features = np.asarray(features)
        features = features.astype("int32" if features.dtype.kind in "iu" else "float32")
        with locked(self._directory):
            self.refresh()
            new = [row for row, digest in enumerate(digests) if digest not in self._row_of]
            if not new:
                return
            note_use(self._directory, self._settings)
            count = len(self._row_of)
            with GrowingMatrix(self._directory / ROWS) as matrix:
                matrix.write(count, features[new])
                matrix.commit()
            # What a killed process wrote of a digest does not count.
            with (self._directory / _DIGESTS).open("r+b" if count else "wb") as file:
                file.truncate(count * _BYTES)
                file.seek(count * _BYTES)
                file.write(b"".join(digests[row] for row in new))
                file.flush()
                os.fsync(file.fileno())
        self.refresh()

    def _forget(self) -> None:
        self._row_of, self._rows, self._seen = {}, None, None
