"""The base of all tables: columns, and rows that say where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

Row = tuple[str, dict]  # the file and line, for error messages, and the values by column

_HINT = "A spreadsheet saves a table in UTF-8 as 'CSV UTF-8', a text editor by 'save as'"


class TableFile:
    """An open table. Each format is a subclass.

    Attributes:
        path: the file, or the folder of a layout of files.
        folder: the folder that the pictures' paths are relative to.
        columns: the names of the columns; for JSON lines the keys of the first object.
        has_one_text: whether a single column beside that of the pictures holds texts, whatever
            its name.
        splits_by: "folder" or "file" if these, and no column of a file, name the splits.
    """

    def __init__(self, path: Path):
        self.path = path
        self.folder = path.parent
        self.columns: list[str] = []
        self.has_one_text = False
        self.splits_by: str | None = None

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yields the rows, one by one, so that a table may be larger than the memory.

        Args:
            columns: the columns that are needed. A row may have others too.

        Raises:
            ValueError: if a row is damaged. The message names the line.
        """
        raise NotImplementedError

    def description(self, columns: Sequence[str]) -> str:
        """Returns what is read, after a number of rows.

        Args:
            columns: the columns that are read.
        """
        return f"rows of {self.path.name} (columns {', '.join(columns)})"


def table_lines(path: Path) -> Iterator[str]:
    r"""Yields the lines of a text file in UTF-8, each but the last with its "\n".

    A byte order mark is dropped, and "\r\n" becomes "\n".

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if a line is not in UTF-8. The message names it.
    """
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            if number == 1:
                data = data.removeprefix(b"\xef\xbb\xbf")
            if b"\0" in data:
                # English text in UTF-16 without a byte order mark passes for UTF-8 with zeros.
                reason = "a zero byte"
            else:
                try:
                    line = data.decode()
                except UnicodeDecodeError as error:
                    reason = str(error)
                else:
                    yield line.removesuffix("\r\n") + "\n" if line.endswith("\r\n") else line
                    continue
            raise ValueError(f"{path}, line {number}: not in UTF-8 ({reason}). {_HINT}")
