"""Folders whose names say what the pictures in them show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.own.layouts.split_folders import (
    all_in_splits,
    columns_with_split,
    folder_split,
)
from tb_keras.datasets.own.table_file import Row, TableFile


def has_classes(pictures: Sequence[str]) -> bool:
    """Returns whether all pictures are in folders, two at least, below those of splits."""
    depth = 2 if all_in_splits(pictures) else 1
    return all(name.count("/") >= depth for name in pictures) and len(set(map(_text, pictures))) > 1


class ClassFolder(TableFile):
    """A folder of folders of pictures. The name of a picture's folder is its text.

    An underscore in the name stands for a space. If all pictures are in folders named `train`,
    `validation` or `test`, these are the splits.

    Args:
        path: the folder.
        pictures: the names of the pictures in it, all in folders.
    """

    def __init__(self, path: Path, pictures: Sequence[str]):
        super().__init__(path)
        self.folder = path
        self._pictures = pictures
        self.splits_by = "folder" if all_in_splits(pictures) else None
        self.columns = columns_with_split(("image", "text"), self.splits_by is not None)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for name in self._pictures:
            row = {"image": name, "text": _text(name)}
            if self.splits_by:
                row["split"] = folder_split(name) or ""
            yield str(self.path / name), row

    def description(self, columns: Sequence[str]) -> str:
        return f"pictures of {self.path.name}, whose folders are their texts"


def _text(name: str) -> str:
    return name.split("/")[-2].replace("_", " ")
