"""Parquet tables, with paths of pictures or with the pictures themselves."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.own.archives.shard_names import common_folder, matching_shards
from tb_keras.datasets.own.table_file import Row, TableFile
from tb_keras.storage.pictures.picture_reference import SEPARATOR

_ROWS = 1024  # read at a time
_ROWS_OF_BYTES = 32
_BUFFER = 2**20  # bytes of a column that are read at a time


class ParquetFile(TableFile):
    """A Parquet file as a table, or several such as `train-{00..11}.parquet`.

    A column may hold encoded pictures: bytes, or structs of `bytes` and `path`, as those of Hugging
    Face. Such a cell is read as the reference `FILE.parquet::COLUMN[ROW]`, or, where it has no
    bytes, as its path.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if it is no Parquet file, or damaged.
        ImportError: if pyarrow is not installed.
    """

    def __init__(self, path: Path):
        self._files = matching_shards(path)
        super().__init__(common_folder(self._files) / path.name)
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError(
                f"A Parquet table needs pyarrow: pip install pyarrow. Received: '{path}'"
            ) from error
        self._damages = (pyarrow.ArrowException, OSError, UnicodeDecodeError)
        first = self._files[0]
        try:
            with pyarrow.parquet.ParquetFile(first) as file:
                self.columns = file.schema_arrow.names
        except self._damages as error:
            raise ValueError(f"{first}: not a Parquet file, or damaged ({error!s:.200})") from error

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yields the rows of all files."""
        for path in self._files:
            yield from self._rows_of(path, columns)

    def _rows_of(self, path: Path, columns: Sequence[str]) -> Iterator[Row]:
        import pyarrow.parquet

        name = path.relative_to(self.path.parent)
        number = 0
        try:
            with pyarrow.parquet.ParquetFile(path, buffer_size=_BUFFER) as file:
                needed = [column for column in file.schema_arrow.names if column in columns]
                pictures = {column: p for column, p in _pictures(file).items() if column in needed}
                for row in _rows(file, needed, pictures):
                    for column in pictures:
                        has_bytes, written = row[column]
                        if has_bytes:
                            row[column] = f"{name}{SEPARATOR}{column}[{number}]"
                        else:
                            row[column] = written and os.path.join(name.parent, written)
                    number += 1
                    yield f"{path}, row {number}", row
        except self._damages as error:
            raise ValueError(f"{path}: damaged after row {number} ({error!s:.200})") from error


class _Picture:
    """A column of pictures: the leaves of bytes and paths, and whether all cells have bytes."""

    def __init__(self, leaf: str, path: str | None, is_full: bool):
        self.leaf, self.path, self.is_full = leaf, path, is_full

    @property
    def leaves(self) -> list[str]:
        """What is read of it: the bytes only where they tell something."""
        paths = [] if self.path is None else [self.path]
        return paths if self.is_full else [self.leaf, *paths]


def _pictures(file) -> dict[str, _Picture]:
    import pyarrow as pa

    found = {}
    for field in file.schema_arrow:
        leaf, path, kind = field.name, None, field.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            leaf, path = f"{leaf}.bytes", f"{leaf}.path"
            if kind.get_field_index("path") < 0:
                path = None
            kind = kind.field("bytes").type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            found[field.name] = _Picture(leaf, path, _is_full(file.metadata, leaf))
    return found


def _is_full(metadata, leaf: str) -> bool:
    """Returns whether the file says that no cell of a column is empty."""
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            if column.path_in_schema == leaf:
                told = column.statistics
                if told is None or not told.has_null_count or told.null_count:
                    return False
    return True


def _rows(file, needed: list[str], pictures: dict[str, _Picture]) -> Iterator[dict]:
    """Yields rows, in which a picture is a pair: whether it has bytes, and its path."""
    leaves = [column for column in needed if column not in pictures]
    for picture in pictures.values():
        leaves += picture.leaves
    if not leaves:
        for _ in range(file.metadata.num_rows):
            yield dict.fromkeys(pictures, (True, None))
        return
    size = _ROWS if all(picture.is_full for picture in pictures.values()) else _ROWS_OF_BYTES
    for batch in file.iter_batches(size, columns=leaves):
        columns = {}
        for name in needed:
            if name not in pictures:
                columns[name] = batch.column(name).to_pylist()
                continue
            picture = pictures[name]
            there, paths = [True] * len(batch), [None] * len(batch)
            if picture.leaves:
                column = batch.column(name)
                if hasattr(column, "field"):
                    parts = dict(zip((field.name for field in column.type), column.flatten()))
                    paths = parts["path"].to_pylist() if "path" in parts else paths
                    column = parts.get("bytes")
                if not picture.is_full:
                    there = column.is_valid().to_pylist()
            columns[name] = list(zip(there, paths))
        for values in zip(*columns.values()):
            yield dict(zip(columns, values))
