"""The pictures that an index is made of: a folder, a list, a table or a corpus."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.own.columns.column_names import TEXT_NAMES, columns_called, numbered_pattern
from tb_keras.datasets.own.columns.row_values import checked_picture
from tb_keras.datasets.own.columns.table_columns import (
    image_column_of,
    named_column,
    row_texts,
    text_column_of,
    text_columns,
)
from tb_keras.datasets.own.layouts.open_layout import LAYOUT_ENDINGS, open_layout
from tb_keras.datasets.own.table_file import TableFile
from tb_keras.scripts.own_data.picture_list import listed_pictures

_ID = "\0id"  # no column is called so
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class IndexedPictures(NamedTuple):
    """Pictures and texts to index.

    Attributes:
        paths: of the pictures, each once.
        ids: of the pictures; None if the paths tell them.
        attributes: values of the pictures by name.
        texts: the texts, none of a folder.
    """

    paths: list[str]
    ids: list[str] | None
    attributes: dict[str, list]
    texts: list[str]

    def only(self, paths: Sequence[str]) -> IndexedPictures:
        """Returns some of the pictures, with all texts."""
        kept = set(paths)
        rows = [row for row, path in enumerate(self.paths) if path in kept]
        return IndexedPictures(
            [self.paths[row] for row in rows],
            self.ids and [self.ids[row] for row in rows],
            {name: [values[row] for row in rows] for name, values in self.attributes.items()},
            self.texts,
        )


def indexed_pictures(
    images: str,
    columns: Mapping[str, str],
    attributes: Sequence[str] = (),
    id_column: str | None = None,
    types: Mapping[str, str] | None = None,
) -> IndexedPictures:
    """Returns the pictures of a folder, a list or a table, and a table's texts.

    Args:
        images: as `listed_pictures` takes it.
        columns: the options `image_column` and `text_column` of a table; by default columns of
            the usual names. A table need not have texts.
        attributes: columns of a table. A column of strings that are all numbers becomes numbers.
        id_column: the column of a table that tells the pictures.
        types: the types that the index has for attributes already.

    Raises:
        FileNotFoundError: if `images` is not there.
        ValueError: if it names no picture, lacks a column, or the rows of one picture differ in an
            attribute.
    """
    source = Path(images)
    if source.is_dir() or source.suffix.lower() not in LAYOUT_ENDINGS:
        if attributes or id_column:
            raise ValueError(f"--attributes and --id_column are for tables. Received: {images!r}")
        return IndexedPictures(listed_pictures(str(source))[0], None, {}, [])
    table = open_layout(source)
    image = image_column_of(table, columns.get("image_column"))
    text = _text_column(table, columns.get("text_column"))
    read = {name: named_column(table, name, "image") for name in attributes}
    read |= {_ID: named_column(table, id_column, "image")} if id_column else {}
    needed = [image, *read.values(), *(text_columns(tuple(table.columns), text) if text else ())]
    told: dict[str, dict[str, Any]] = {}
    texts: dict[str, None] = {}
    for where, row in table.rows(needed):
        path = str(table.folder / checked_picture(where, image, row.get(image), table.folder))
        values = {name: _plain(row.get(column)) for name, column in read.items()}
        before = told.setdefault(path, values)
        for name, column in read.items():
            if before[name] != values[name]:
                raise ValueError(
                    f"{where}: {column!r} is {values[name]!r:.80}, but {before[name]!r:.80} in "
                    f"another row of the same picture"
                )
        if text:
            texts |= dict.fromkeys(row_texts(where, row, text))
    if not told:
        raise ValueError(f"there is no picture in {images!r}")
    ids = [str(values[_ID]) for values in told.values()] if id_column else None
    found = {
        name: _typed([values[name] for values in told.values()], (types or {}).get(name))
        for name in attributes
    }
    return IndexedPictures(list(told), ids, found, list(texts))


def indexed_corpus(
    corpus: Corpus, attributes: Sequence[str] = (), types: Mapping[str, str] | None = None
) -> IndexedPictures:
    """Returns the pictures and texts of a corpus.

    Raises:
        ValueError: if it has only features of them, or lacks an attribute.
    """
    if corpus.image_paths is None or corpus.texts is None:
        raise ValueError("the data set to index has no pictures here, or no texts")
    for name in attributes:
        if name not in corpus.image_attributes:
            there = ", ".join(corpus.image_attributes) or "none"
            raise ValueError(f"--attributes: the data set has no {name!r}; there are: {there}")
    row_of = {path: row for row, path in enumerate(map(os.path.abspath, corpus.image_paths))}
    columns = {name: corpus.image_attributes[name] for name in attributes}
    found = {
        name: _typed([_plain(column[row]) for row in row_of.values()], (types or {}).get(name))
        for name, column in columns.items()
    }
    return IndexedPictures(list(row_of), None, found, list(dict.fromkeys(corpus.texts)))


def _text_column(table: TableFile, given: str | None) -> str | None:
    """Returns the column of the texts, or a pattern; None if the table has no such column."""
    usual = any(columns_called(table.columns, names) for names in TEXT_NAMES)
    if given is None and not usual and not any(map(numbered_pattern, table.columns)):
        return None
    return text_column_of(table, given)


def _plain(value: Any) -> Any:
    """Returns a cell as a number, a string or None."""
    if isinstance(value, str):
        return value.strip() or None
    return value.isoformat() if hasattr(value, "isoformat") else value  # a date


def _typed(values: list, known: str | None) -> list:
    """Returns strings that are all written as numbers are, as numbers."""
    numbers = [_number(value) for value in values]
    there = [number for number, value in zip(numbers, values) if value is not None]
    return values if known == "text" or None in there else numbers


def _number(value: Any) -> Any:
    """Returns the number that a string is, None for another string, and other values as they are.

    Leading zeros make it no number, as in a postal code.
    """
    if not isinstance(value, str):
        return value
    match = _NUMBER.fullmatch(value)
    if not match:
        return None
    return float(value) if match[1] or match[2] else int(value)
