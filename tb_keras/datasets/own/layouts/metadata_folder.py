"""Folders of pictures with a table `metadata.csv`, `metadata.jsonl` or `metadata.parquet`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.own.columns.table_columns import image_column_of, named_column
from tb_keras.datasets.own.layouts.split_folders import columns_with_split, folder_split
from tb_keras.datasets.own.table_file import Row, TableFile
from tb_keras.datasets.own.table_rows import open_table

_NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


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
        here = [place / name for name in _NAMES if (place / name).is_file()]
        if len(here) > 1:
            raise ValueError(f"{place} must have one of {here[0].name!r} and {here[1].name!r}")
        found += here
    return found


class MetadataFolder(TableFile):
    """A folder of pictures as the `datasets` library of Hugging Face reads it.

    Paths in a table are relative to the table's folder. Folders named `train`, `validation` or
    `test` are the splits, unless the tables have a column `split`.

    Args:
        path: the folder.
        tables: its metadata tables, at least one.
    """

    def __init__(self, path: Path, tables: Sequence[Path]):
        super().__init__(path)
        self.folder = path
        opened = [open_table(table) for table in tables]
        self._tables = [table for table in opened if table.columns]
        places = [table.path.parent for table in self._tables]
        named = any(folder_split(child.name) for child in path.iterdir() if child.is_dir())
        columns = self._tables[0].columns if self._tables else []
        self.has_split_folders = "split" not in columns and (named or path not in places)
        self._images = [image_column_of(table, None) for table in self._tables]
        self.columns = columns and columns_with_split(columns, self.has_split_folders)
        self.has_one_text = True

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        by_folder = self.has_split_folders and "split" in columns
        needed = [column for column in columns if column != "split" or not by_folder]
        for table, image in zip(self._tables, self._images):
            for column in needed:
                named_column(table, column, "text")
            place = table.folder.relative_to(self.path).as_posix()
            for where, row in table.rows(needed):
                name = row.get(image)
                if place != "." and isinstance(name, str) and name:
                    name = row[image] = f"{place}/{name}"
                if by_folder:
                    row["split"] = folder_split(name) if isinstance(name, str) else None
                    if row["split"] is None:
                        raise ValueError(
                            f"{where}: a picture must be in the folder of a split, as others are. "
                            f"Received: {name!r:.200}"
                        )
                yield where, row

    def description(self, columns: Sequence[str]) -> str:
        tables = ", ".join(str(table.path.relative_to(self.path)) for table in self._tables)
        return f"rows of {tables} in {self.path.name} (columns {', '.join(columns)})"
