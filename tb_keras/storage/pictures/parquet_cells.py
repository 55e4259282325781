"""The cells of a Parquet file's columns of bytes, read in order without holding the file."""

from __future__ import annotations

import bisect
import itertools
import os
import re
import threading
from collections import deque
from collections.abc import Iterator

_CELL = re.compile(r"(.*)\[(\d+)\]", re.DOTALL)
_ROWS = 32  # read at a time
_KEPT = 4  # such batches that are kept, for threads that are a little behind
_BUFFER = 2**20  # bytes of a column that are read at a time


class ParquetCells:
    """An open Parquet file, whose cells of bytes are found by `COLUMN[ROW]`.

    A column holds bytes, or structs of `bytes` and `path` as those of Hugging Face. Rows are
    fastest in their order: another row means reading its row group from the start. Any number of
    threads may read.

    Args:
        path: the file.

    Raises:
        OSError: if it is not there.
        ValueError: if it is no Parquet file, or damaged.
        ImportError: if pyarrow is not installed.
    """

    def __init__(self, path: str | os.PathLike):
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError("Pictures in Parquet need pyarrow: pip install pyarrow") from error
        self._path = os.fspath(path)
        self._damages = (pyarrow.ArrowException, OSError)
        try:
            self._file = pyarrow.parquet.ParquetFile(self._path, buffer_size=_BUFFER)
        except self._damages as error:
            raise self._damaged(error) from None
        metadata = self._file.metadata
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = [0, *itertools.accumulate(sizes)]
        self._leaves = _leaves(self._file.schema_arrow)
        self._cursors: dict[str, _Cursor] = {}
        self._lock = threading.Lock()

    def __contains__(self, name: str) -> bool:
        column, row = _parsed(name)
        return column in self._leaves and 0 <= row < self._starts[-1]

    def read(self, name: str) -> bytes:
        """Returns the bytes of a cell.

        Raises:
            ValueError: if the cell is empty, or the file is damaged.
        """
        column, row = _parsed(name)
        try:
            with self._lock:
                if column not in self._cursors:
                    self._cursors[column] = _Cursor(self._file, self._leaves[column], self._starts)
                content = self._cursors[column].cell(row)
        except self._damages as error:
            raise self._damaged(error) from None
        if content is None:
            raise ValueError(f"{self._path}: the cell {name} is empty")
        return content

    def _damaged(self, error: Exception) -> ValueError:
        return ValueError(f"{self._path}: not a Parquet file, or damaged ({error!s:.150})")


def _leaves(schema) -> dict[str, str]:
    """Returns the columns that hold bytes, and where in them the bytes are."""
    import pyarrow as pa

    leaves = {}
    for field in schema:
        leaf, kind = field.name, field.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            leaf, kind = f"{leaf}.bytes", kind.field("bytes").type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            leaves[field.name] = leaf
    return leaves


class _Cursor:
    """A place in a column, from which it is read on."""

    def __init__(self, file, leaf: str, starts: list[int]):
        self._file, self._leaf, self._starts = file, leaf, starts
        self._batches: Iterator | None = None
        self._next = 0  # the first row of the next batch
        self._kept: deque[tuple[int, list]] = deque(maxlen=_KEPT)

    def cell(self, row: int) -> bytes | None:
        for first, cells in self._kept:
            if first <= row < first + len(cells):
                return cells[row - first]
        group = self._group(row)
        if self._batches is None or row < self._next or group > self._group(self._next):
            groups = list(range(group, len(self._starts) - 1))
            self._batches = self._file.iter_batches(_ROWS, groups, [self._leaf], use_threads=False)
            self._next = self._starts[group]
        while True:
            batch = next(self._batches, None)
            if batch is None:
                raise OSError("it ends early")
            column = batch.column(0)
            if hasattr(column, "field"):  # a struct, of which it is the only field
                column = column.flatten()[0]
            first, self._next = self._next, self._next + len(column)
            if row < self._next:
                self._kept.append((first, column.to_pylist()))
                return self._kept[-1][1][row - first]

    def _group(self, row: int) -> int:
        """Returns the row group that a row lies in."""
        return bisect.bisect_right(self._starts, row) - 1


def _parsed(name: str) -> tuple[str, int]:
    match = _CELL.fullmatch(name)
    if match is None:
        return name, -1
    return match[1], int(match[2])
