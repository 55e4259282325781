"""Which columns of a table hold the pictures, the texts, and what else is read."""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from tb_keras.datasets.own.columns.column_names import (
    IMAGE_NAMES,
    TEXT_NAMES,
    columns_called,
    numbered_pattern,
    one_column,
)
from tb_keras.datasets.own.columns.row_values import checked_texts
from tb_keras.datasets.own.table_file import TableFile

_OTHER_COLUMNS = ("split", "language", "group")
_WILDCARDS = {"*": ".*", "#": "[0-9]+"}


class TableColumns(NamedTuple):
    """The columns that are read.

    Attributes:
        image: the column of the pictures.
        text: the column of the texts, or a pattern such as `caption_*` of several.
        split: the column of the splits; None without one, as the next two.
        language: the column of the languages.
        group: the column of the groups.
        boxes: the columns of the boxes; none without boxes.
    """

    image: str
    text: str
    split: str | None
    language: str | None
    group: str | None
    boxes: tuple[str, ...]

    def names(self) -> list[str]:
        """Returns all that are read, a pattern as it stands."""
        single = (self.image, self.text, self.split, self.language, self.group)
        return [*filter(None, single), *self.boxes]

    def needed(self, columns: list[str]) -> list[str]:
        """Returns those of a table's columns that are read."""
        single = (self.image, self.split, self.language, self.group)
        texts = text_columns(tuple(columns), self.text)
        return [*filter(None, single), *texts, *self.boxes]


def image_column_of(table: TableFile, given: str | None) -> str:
    """Returns the column of the pictures.

    Args:
        table: the table.
        given: the column that a user names, or None for one of the usual names.

    Raises:
        ValueError: if there is none, or several may be meant.
    """
    if given is not None:
        return named_column(table, str(given), "image")  # a script's option 0 is a number
    for names in IMAGE_NAMES:
        found = one_column(table.path, columns_called(table.columns, names), "image")
        if found is not None:
            return found
    return named_column(table, "image", "image")


def text_column_of(table: TableFile, given: str | None) -> str:
    """Returns the column of the texts, or a pattern that several columns match.

    Args:
        table: the table.
        given: the column or pattern that a user names, or None for one of the usual names, or for
            columns that are numbered, such as `caption_1` and `caption_2`.

    Raises:
        ValueError: if there is none, or several may be meant.
    """
    if given is not None:
        given = str(given)
        found = text_columns(tuple(table.columns), given)
        return given if found else named_column(table, given, "text")
    first, others = TEXT_NAMES
    found = one_column(table.path, columns_called(table.columns, first), "text")
    if found is None:
        patterns = dict.fromkeys(filter(None, map(numbered_pattern, table.columns)))
        found = one_column(table.path, [*columns_called(table.columns, others), *patterns], "text")
    if found is None and table.has_one_text:
        others_there = set(table.columns) - {image_column_of(table, None), *_OTHER_COLUMNS}
        found = others_there.pop() if len(others_there) == 1 else None
    return named_column(table, "text", "text") if found is None else found


def named_column(table: TableFile, column: str, holds: str) -> str:
    """Returns a column's name if the table has it.

    Raises:
        ValueError: if it does not. The message lists its columns.
    """
    if column not in table.columns:
        columns = ", ".join(map(repr, table.columns))
        raise ValueError(
            f"{table.path}: no column {column!r}, there are {columns:.300}; --columns={holds}=NAME "
            "names another"
        )
    return column


@functools.lru_cache(maxsize=64)
def text_columns(columns: tuple[str, ...], text: str) -> tuple[str, ...]:
    """Returns the columns of texts, by their numbers.

    Args:
        columns: the columns of a table, or the keys of a row.
        text: a column, or a pattern: `*` stands for anything, `#` for a number.

    Examples:
        >>> text_columns(("image", "caption_10", "caption_9"), "caption_*")
        ('caption_9', 'caption_10')
    """
    if text in columns:
        return (text,)
    pattern = "".join(_WILDCARDS.get(letter, re.escape(letter)) for letter in text)
    found = [column for column in columns if re.fullmatch(pattern, column)]
    return tuple(sorted(found, key=_by_number))


def row_texts(where: str, row: dict, text: str) -> list[str]:
    """Returns the texts of a row. Where several columns hold them, some may be empty.

    Raises:
        ValueError: if a text is no string, or the row has none.
    """
    if text in row:
        return checked_texts(where, text, row[text])
    columns = text_columns(tuple(row), text)
    texts = []
    for column in columns:
        value = row[column]
        if value is not None and not (isinstance(value, str) and not value.strip()):
            texts += checked_texts(where, column, value)
    return texts or checked_texts(where, text, None)


def _by_number(column: str) -> list[str | int]:
    parts = re.split("([0-9]+)", column)
    return [int(part) if place % 2 else part for place, part in enumerate(parts)]
