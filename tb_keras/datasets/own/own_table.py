"""`OwnTable`: the pictures and texts of a table, read once, from which each split is taken."""

from __future__ import annotations

import array
import warnings
from collections.abc import Iterator
from typing import NamedTuple, NoReturn

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.own.columns.row_values import (
    checked_group,
    checked_picture,
    checked_string,
)
from tb_keras.datasets.own.columns.table_columns import TableColumns, row_texts
from tb_keras.datasets.own.hashed_splits import in_split, split_named
from tb_keras.datasets.own.same_pictures import first_of_same
from tb_keras.datasets.own.split_groups import divided_groups, grouped_keys
from tb_keras.datasets.own.table_boxes import boxes_corpus, row_box
from tb_keras.datasets.own.table_file import TableFile
from tb_keras.datasets.own.table_rows import TableRow
from tb_keras.storage.pictures.picture_reference import picture_exists


class _Picture(NamedTuple):
    split: str | None
    group: str | None


class OwnTable:
    """The pictures and texts of a table.

    Names are kept once and pairs as numbers, so that a table of millions of rows fits in memory.

    Args:
        table: the open table.
        columns: its columns that are read.
        language: the language of all texts, if they have one.
        box_unit: "pixel" or "share", what boxes are in.

    Attributes:
        table: the same.
        columns: the same.
        num_rows: the number of rows.
        pairs: int64 `(p, 2)`, the picture and text of each pair, in the order of the rows.
        texts: the distinct texts, each with its language.
        pictures: the distinct names of the pictures.
        firsts: int64 `(n,)`, for each picture the first one that is a copy of it.
        splits: the split of each picture, or None without a column of splits.
        groups: the group of each picture, or None.
        keys: for each picture the key by which a hash chooses its split.

    Raises:
        ValueError: if a row is damaged, or a picture is in two splits or groups.
    """

    def __init__(
        self,
        table: TableFile,
        columns: TableColumns,
        language: str | None = None,
        box_unit: str = "pixel",
    ):
        self.table, self.columns = table, columns
        self._language, self._box_unit = language, box_unit
        self.num_rows = 0
        pictures: dict[str, int] = {}
        texts: dict[tuple[str, str | None], int] = {}
        told: list[_Picture] = []
        same: dict[_Picture, _Picture] = {}
        pairs = array.array("q")
        for row in self._rows():
            picture = pictures.setdefault(row.image, len(pictures))
            here = _Picture(row.split, row.group)
            if picture == len(told):
                told.append(same.setdefault(here, here))
            elif told[picture] != here:
                place = zip(("split", "group"), told[picture], here)
                _, before, now = next(part for part in place if part[1] != part[2])
                raise ValueError(f"{row.where}: {row.image!r} is in {now!r}, before in {before!r}")
            pairs.append(picture)
            pairs.append(texts.setdefault((row.text, row.language), len(texts)))
        if not pairs:
            raise ValueError(f"{table.path} has no rows")
        self.pairs = np.frombuffer(pairs, np.int64).reshape(-1, 2)
        self.texts, self.pictures = list(texts), list(pictures)
        firsts = first_of_same(table.folder, pictures)
        self.firsts = np.array([pictures[firsts[name]] for name in self.pictures], np.int64)
        self.groups = [part.group for part in told]
        self.splits = None if columns.split is None else [str(part.split) for part in told]
        self.keys = grouped_keys([firsts[name] for name in self.pictures], self.groups)
        if self.splits is not None:
            self._warn_of_divided(self.splits)

    def corpus(self, split: str = "all") -> Corpus:
        """Returns the corpus of a split. Copies of a picture are one image.

        Raises:
            FileNotFoundError: if a picture is not there.
            ValueError: if there is no such split, or a box is wrong.
        """
        chosen = in_split(split, self.splits, self.keys, self.table.path)
        pairs = self.pairs[chosen[self.pairs[:, 0]]]
        # The first copy in the split stands for all.
        firsts, at, images = _in_order(self.firsts[pairs[:, 0]])
        kept = dict(zip(firsts.tolist(), pairs[at, 0].tolist()))
        for picture in kept.values():
            if not picture_exists(self.table.folder / self.pictures[picture]):
                self._raise_missing(self.pictures[picture])
        if self.columns.boxes:
            rows = self._rows_in(chosen, kept)
            corpus = boxes_corpus(self.table.folder, rows, self._box_unit)
        else:
            texts, _, spoken = _in_order(pairs[:, 1])
            corpus = self._pairs_corpus(
                np.stack([images, spoken], axis=1), list(kept.values()), texts
            )
        if self._language is None:
            return corpus
        languages = [self._language] * corpus.num_texts
        return corpus.replace(text_attributes={**corpus.text_attributes, "language": languages})

    def _pairs_corpus(self, pairs: np.ndarray, pictures: list[int], texts: np.ndarray) -> Corpus:
        strings, languages = zip(*(self.texts[text] for text in texts.tolist()))
        known = self.columns.language is not None
        return Corpus(
            Matches(pairs, len(pictures), len(texts)),
            image_paths=[str(self.table.folder / self.pictures[number]) for number in pictures],
            texts=list(strings),
            text_attributes={"language": list(languages)} if known else {},
        )

    def _rows(self) -> Iterator[TableRow]:
        """Yields a checked row for each text."""
        image, text, split, language, group, boxes = self.columns
        folder = self.table.folder
        split_name = split or "split"
        unread = split is None and split_name in self.table.columns
        self.num_rows = 0
        for where, row in self.table.rows(self.columns.needed(self.table.columns)):
            if not unread and (split_name in row) != (split is not None):
                raise ValueError(f"{where}: either all rows or none must have {split_name!r}")
            self.num_rows += 1
            picture = checked_picture(where, image, row.get(image), folder)
            texts = row_texts(where, row, text)
            named = spoken = grouped = None
            if split is not None:
                named = split_named(checked_string(where, split, row[split]))
            if language is not None:
                spoken = checked_string(where, language, row.get(language))
            if group is not None:
                grouped = checked_group(where, group, row.get(group))
            box = row_box(where, row, boxes) if boxes else None
            for string in texts:
                yield TableRow(where, picture, string, named, spoken, grouped, box)

    def _rows_in(self, chosen: np.ndarray, kept: dict[int, int]) -> Iterator[TableRow]:
        """Yields the rows of a split again, with one name for all copies of a picture."""
        numbers = {name: number for number, name in enumerate(self.pictures)}
        for row in self._rows():
            number = numbers[row.image]
            if chosen[number]:
                name = self.pictures[kept[int(self.firsts[number])]]
                yield row._replace(image=name)

    def _raise_missing(self, picture: str) -> NoReturn:
        where = next((row.where for row in self._rows() if row.image == picture), self.table.path)
        raise FileNotFoundError(f"{where}: there is no picture {picture!r:.300}")

    def _warn_of_divided(self, splits: list[str]) -> None:
        firsts = self.firsts.tolist()
        apart = [n for n, first in enumerate(firsts) if splits[n] != splits[first]]
        if apart:
            image, first = apart[0], firsts[apart[0]]
            warnings.warn(
                f"{self.table.path}: {len(apart)} pictures are in one split and a copy of them in "
                f"another, such as {self.pictures[first]!r} in {splits[first]!r} and "
                f"{self.pictures[image]!r} in {splits[image]!r}",
                stacklevel=2,
            )
        divided = divided_groups(self.groups, splits)
        if divided:
            group, (one, other) = next(iter(divided.items()))
            warnings.warn(
                f"{self.table.path}: {len(divided)} groups of pictures are in more than one split, "
                f"such as {group!r} in {one!r} and {other!r}",
                stacklevel=2,
            )


def _in_order(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the distinct values as they first come, where they do, and each value's place."""
    distinct, first, place = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    new = np.empty(len(order), np.int64)
    new[order] = np.arange(len(order))
    return distinct[order], first[order], new[place]
