"""The base of all tables: columns, and rows that say where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.formats.text_files import read_text

Row = tuple[str, dict]  # the file and line, for error messages, and the values by column


class TableFile:
    """An open table. Each format is a subclass.

    Attributes:
        path: the file.
        columns: the names of the columns; for JSON lines the keys of the first object.
    """

    def __init__(self, path: Path):
        self.path = path
        self.columns: list[str] = []

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yields the rows.

        Args:
            columns: the columns that are needed. A row may have others too.

        Raises:
            ValueError: if a row is damaged. The message names the line.
        """
        raise NotImplementedError


def table_text(path: Path) -> str:
    """Returns the content of a table that is a text file in UTF-8.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if it is not in UTF-8.
    """
    hint = "A spreadsheet saves a table in UTF-8 as 'CSV UTF-8', a text editor by 'save as'"
    try:
        text = read_text(path)
    except ValueError as error:
        raise ValueError(f"{error}. {hint}") from error
    if "\0" in text:
        # English text in UTF-16 without a byte order mark passes for UTF-8 with zeros.
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{path}, line {line}: not in UTF-8 (a zero byte). {hint}")
    return text
