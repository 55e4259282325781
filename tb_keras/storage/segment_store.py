"""Rows of features on disk, several for each item, such as the regions of a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_keras.storage.feature_store import _BYTES, _DIGESTS, FeatureStore
from tb_keras.storage.kept_directory import locked

_ENDS = "ends"  # where the rows of each item end, int64


class SegmentStore(FeatureStore):
    """A `FeatureStore` whose items have any number of rows, in float16.

    Examples:
        >>> import os, tempfile
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, TB_KERAS_CACHE=tempfile.mkdtemp()):
        ...     store = SegmentStore({"encoder": "x"})
        ...     store.add_segments([b"a" * 32, b"b" * 32], np.eye(3), [1, 2])
        >>> store.rows_of([b"b" * 32]).tolist()
        [1, 2]
    """

    def add_segments(
        self, digests: Sequence[bytes], features: np.ndarray, counts: Sequence[int] | np.ndarray
    ) -> None:
        """Adds items, but for those that another process has added meanwhile.

        Args:
            digests: distinct, 32 bytes each.
            features: `(sum(counts), feature_dim)`, kept as float16.
            counts: the number of rows of each item, at least 1.
        """
        ends = np.cumsum(counts)
        with locked(self._directory):
            new = self._new(digests)
            if new:
                some = [features[ends[item] - counts[item] : ends[item]] for item in new]
                count, start = len(self._place_of), self._start(len(self._place_of))
                self._write_rows(start, np.concatenate(some).astype("float16"))
                new_ends = start + np.cumsum([counts[item] for item in new], dtype=np.int64)
                self._write(_ENDS, count * new_ends.itemsize, new_ends.tobytes())
                self._write(_DIGESTS, count * _BYTES, b"".join(digests[item] for item in new))
        self.refresh()

    def rows_of(self, digests: Sequence[bytes]) -> np.ndarray:
        """Returns the row numbers of items, item by item, int64 `(n,)`."""
        places = super().rows_of(digests)
        ends = self._ends[places]
        counts = ends - np.where(places, self._ends[places - 1], 0)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return np.repeat(ends - counts, counts) + within

    def _start(self, item: int) -> int:
        return int(self._ends[item - 1]) if item else 0

    def _load(self) -> None:
        content = (self._directory / _ENDS).read_bytes()
        self._ends = np.frombuffer(content[: len(content) // 8 * 8], np.int64)

    def _num_whole(self) -> int:
        assert self.rows is not None
        return int(np.searchsorted(self._ends, len(self.rows), side="right"))

    def _forget(self) -> None:
        super()._forget()
        self._ends = np.zeros(0, np.int64)
