"""Folders with several tables: the `metadata` of each split, a table for each split, or shards."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.own.columns.table_columns import image_column_of, named_column
from tb_keras.datasets.own.layouts.json_files import open_json
from tb_keras.datasets.own.layouts.split_folders import columns_with_split, folder_split
from tb_keras.datasets.own.table_file import Row, TableFile
from tb_keras.datasets.own.table_rows import open_table

_METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")
_SHARDS = (".tar", ".parquet")
_NAMED = 3  # tables that a description names


def open_table_or_json(path: Path) -> TableFile:
    """Opens a table of any kind, JSON too."""
    return open_json(path) if path.suffix.lower() == ".json" else open_table(path)


def metadata_files(folder: Path) -> list[Path]:
    """Returns the metadata tables of a folder and of the folders in it that are named by splits.

    Raises:
        ValueError: if there are two in one place.
    """
    splits = [
        path for path in sorted(folder.iterdir()) if path.is_dir() and folder_split(path.name)
    ]
    found = []
    for place in [folder, *splits]:
        here = [place / name for name in _METADATA if (place / name).is_file()]
        if len(here) > 1:
            raise ValueError(f"{place} must have one of {here[0].name!r} and {here[1].name!r}")
        found += here
    return found


def belong_together(tables: Sequence[Path]) -> bool:
    """Returns whether tables are those of several splits, or shards of one kind.

    Examples:
        >>> belong_together([Path("train.csv"), Path("test.csv")])
        True
        >>> belong_together([Path("000.tar"), Path("001.tar")])
        True
        >>> belong_together([Path("old.csv"), Path("new.csv")])
        False
    """
    endings = {table.suffix.lower() for table in tables}
    shards = len(endings) == 1 and endings <= set(_SHARDS)
    return shards or _are_splits(tables)


def file_split(name: str) -> str | None:
    """Returns the split that a word of a file's name names, None if none or several do.

    Examples:
        >>> file_split("train-00000-of-00004.parquet"), file_split("birds_val.csv")
        ('train', 'validation')
        >>> file_split("birds.csv"), file_split("train_and_test.csv")
        (None, None)
    """
    words = re.findall("[A-Za-z]+", name.rpartition(".")[0])
    splits = set(filter(None, map(folder_split, words)))
    return splits.pop() if len(splits) == 1 else None


class TablesFolder(TableFile):
    """Several tables of a folder, read one after the other.

    Paths in a table are relative to the table's folder. If the tables have no column `split`, the
    splits are named by the files, such as `train.csv` and `test-00000-of-00001.parquet`, or else by
    folders that are called `train`, `validation` or `test`.

    Args:
        path: the folder.
        tables: the tables in it or below it, at least one.
    """

    def __init__(self, path: Path, tables: Sequence[Path]):
        super().__init__(path)
        self.folder = path
        opened = [open_table_or_json(table) for table in tables]
        self._tables = [table for table in opened if table.columns]
        paths = [table.path for table in self._tables]
        self._images = [image_column_of(table, None) for table in self._tables]
        self.columns = list(self._tables[0].columns) if self._tables else []
        self.has_one_text = all(table.name in _METADATA for table in paths)
        if self._tables and "split" not in self.columns:
            self.splits_by = self._splits_by(paths)
            self.columns = columns_with_split(self.columns, self.splits_by is not None)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        by = self.splits_by if "split" in columns else None
        needed = [column for column in columns if column != "split" or by is None]
        for table, image in zip(self._tables, self._images):
            for column in needed:
                named_column(table, column, "text")
            place = Path(os.path.relpath(table.folder, self.path)).as_posix()
            for where, row in table.rows(needed):
                name = row.get(image)
                if place != "." and isinstance(name, str) and name:
                    name = row[image] = posixpath.join(place, name)
                if by == "file":
                    row["split"] = file_split(table.path.name)
                elif by == "folder":
                    row["split"] = folder_split(name) if isinstance(name, str) else None
                    if row["split"] is None:
                        raise ValueError(
                            f"{where}: a picture must be in the folder of a split, as others are. "
                            f"Received: {name!r:.200}"
                        )
                yield where, row

    def description(self, columns: Sequence[str]) -> str:
        names = [str(table.path.relative_to(self.path)) for table in self._tables]
        tables = ", ".join(names) if len(names) <= _NAMED else f"{len(names)} tables"
        return f"rows of {tables} in {self.path.name} (columns {', '.join(columns)})"

    def _splits_by(self, tables: Sequence[Path]) -> str | None:
        if _are_splits(tables):
            return "file"
        named = any(folder_split(child.name) for child in self.path.iterdir() if child.is_dir())
        metadata = self.has_one_text
        inside = self.path not in [table.parent for table in tables]
        return "folder" if metadata and (named or inside) else None


def _are_splits(tables: Sequence[Path]) -> bool:
    splits = {file_split(table.name) for table in tables}
    return len(splits) > 1 and None not in splits
