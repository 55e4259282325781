"""Folders of pictures with a text file of the same name beside each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.formats.text_files import read_text
from tb_keras.datasets.own.layouts.split_folders import (
    all_in_splits,
    columns_with_split,
    folder_split,
)
from tb_keras.datasets.own.table_file import Row, TableFile


def has_captions(folder: Path, pictures: Sequence[str]) -> bool:
    """Returns whether a picture of the folder has a text file beside it."""
    return any(os.path.isfile(folder / _text_file(name)) for name in pictures)


class CaptionedFolder(TableFile):
    """A folder of pictures with a `.txt` file beside each, which has a text on each line.

    Pictures without such a file are left out, with a warning that counts them. If all pictures are
    in folders named `train`, `validation` or `test`, these are the splits.

    Args:
        path: the folder.
        pictures: the names of the pictures in it.
    """

    def __init__(self, path: Path, pictures: Sequence[str]):
        super().__init__(path)
        self.folder = path
        self._pictures = [name for name in pictures if os.path.isfile(path / _text_file(name))]
        alone = sorted(set(pictures) - set(self._pictures))
        if alone:
            warnings.warn(
                f"{path}: {len(alone)} pictures without a .txt file beside them are left out, such "
                f"as {alone[0]!r}",
                stacklevel=2,
            )
        self.splits_by = "folder" if all_in_splits(self._pictures) else None
        self.columns = columns_with_split(("image", "text"), self.splits_by is not None)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for name in self._pictures:
            file = self.path / _text_file(name)
            row: dict = {"image": name}
            row["text"] = [line for line in read_text(file).split("\n") if line.strip()]
            if self.splits_by:
                row["split"] = folder_split(name)
            yield str(file), row

    def description(self, columns: Sequence[str]) -> str:
        return f"pictures of {self.path.name} with a .txt file beside each"


def _text_file(name: str) -> str:
    return os.path.splitext(name)[0] + ".txt"
