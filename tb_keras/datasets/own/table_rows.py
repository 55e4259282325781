"""The rows of a table: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tb_keras.datasets.formats.text_files import read_text

IMAGE_COLUMNS = ("image", "image_path")  # possible columns of the picture files

Row = tuple[str, dict]  # the file and line, for error messages, and the values by column


class TableRow(NamedTuple):
    """A checked row of a table.

    Attributes:
        where: the file and the line, for error messages.
        image: the picture's path in the table.
        text: the text.
        split: the split; None if the table has no such column.
        language: the language; None if the table has no such column.
        box: four floats, xyxy in pixels; None without a box.
    """

    where: str
    image: str
    text: str
    split: str | None
    language: str | None
    box: list[float] | None


def open_table(path: Path) -> TableFile:
    r"""Opens a `.csv`, `.tsv`, `.jsonl` or `.parquet` file.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file has another type, is not in UTF-8 or is damaged.
        ImportError: if the file is Parquet and pyarrow is not installed.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "pairs.csv"
        >>> _ = path.write_text("image,text\ndog.png,a dog\n")
        >>> table = open_table(path)
        >>> table.columns, [row for _, row in table.rows(["text"])]
        (['image', 'text'], [{'image': 'dog.png', 'text': 'a dog'}])
    """
    if path.suffix not in _FORMATS:
        raise ValueError(
            f"`directory` must be a .csv, .tsv, .jsonl or .parquet file. Received: '{path}'"
        )
    return _FORMATS[path.suffix](path)


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


class DelimitedFile(TableFile):
    """A file of comma- or tab-separated values, with a header."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._text = _table_text(path)
        header = self._text.partition("\n")[0]
        if path.suffix == ".tsv":
            self._delimiter = "\t"
        else:
            # Spreadsheets write semicolons in languages where the comma is the decimal sign.
            self._delimiter = ";" if ";" in header and "," not in header else ","
        for _, row in self._numbered():
            self.columns = row
            break
        for column in self.columns:
            if self.columns.count(column) > 1:
                raise ValueError(f"{path}: the column {column!r} comes twice")

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        numbered = self._numbered()
        next(numbered, None)
        for where, fields in numbered:
            if len(fields) > len(self.columns):
                raise ValueError(
                    f"{where}: more fields than the header; a text with a delimiter is quoted"
                )
            yield where, dict(itertools.zip_longest(self.columns, fields))

    def _numbered(self) -> Iterator[tuple[str, list[str]]]:
        """Yields the rows that are not empty, each with the file and the line it ends in."""
        # With newline="", line breaks inside quotes stay as they are.
        reader = csv.reader(
            io.StringIO(self._text, newline=""), delimiter=self._delimiter, strict=True
        )
        try:
            for fields in reader:
                if fields:
                    yield f"{self.path}, line {reader.line_num}", fields
        except csv.Error as error:
            raise ValueError(f"{self.path}, line {reader.line_num}: {error}") from error


class _JsonLines(TableFile):
    def __init__(self, path: Path):
        super().__init__(path)
        self._lines = _table_text(path).split("\n")
        for _, row in self.rows(()):
            self.columns = list(row)
            break

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for number, line in enumerate(self._lines, 1):
            if not line.strip():
                continue
            where = f"{self.path}, line {number}"
            try:
                row = json.loads(line)
            except (json.JSONDecodeError, RecursionError) as error:
                raise ValueError(f"{where}: not JSON ({error})") from error
            if not isinstance(row, dict):
                raise ValueError(f"{where}: expected a JSON object. Received: {line.strip():.80}")
            yield where, row


class _ParquetFile(TableFile):
    def __init__(self, path: Path):
        super().__init__(path)
        with path.open("rb"):  # pyarrow's error for a missing file does not name it
            pass
        try:
            import pyarrow.parquet
        except ImportError as error:
            raise ImportError(
                f"A Parquet table needs pyarrow: pip install pyarrow. Received: '{path}'"
            ) from error
        self._damages = (pyarrow.ArrowException, OSError, UnicodeDecodeError)
        try:
            with pyarrow.parquet.ParquetFile(path) as file:
                self.columns = file.schema_arrow.names
        except self._damages as error:
            raise ValueError(f"{path}: not a Parquet file, or damaged ({error})") from error

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        import pyarrow.parquet

        number = 0
        # Other columns may be large: some of these files hold the pictures themselves.
        needed = [column for column in self.columns if column in columns]
        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(columns=needed):
                    for row in batch.to_pylist():
                        number += 1
                        yield f"{self.path}, row {number}", row
        except self._damages as error:
            raise ValueError(f"{self.path}: damaged after row {number} ({error})") from error


_FORMATS = {
    ".csv": DelimitedFile,
    ".tsv": DelimitedFile,
    ".jsonl": _JsonLines,
    ".parquet": _ParquetFile,
}


def _table_text(path: Path) -> str:
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
