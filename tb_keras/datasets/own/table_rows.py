"""The rows of a table file, whichever of its formats it has: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tb_keras.datasets.formats.text_files import read_text

IMAGE_COLUMNS = ("image", "image_path")  # where a table has its pictures' paths

# What a message calls the row, its file and line; and its values by column.
Row = tuple[str, dict]


class TableRow(NamedTuple):
    """A pair of an image and a text in a table, its values checked.

    Attributes:
        where: what a message calls it: the file, and the line.
        image: the picture's path as the table writes it.
        text: the text.
        split: the value of its column `split`, None where there is none.
        language: that of its language column, None where there is none.
        box: four floats, None without a box.
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
        ValueError: if it is of another type, not in UTF-8 or damaged.
        ImportError: if it is a Parquet file and pyarrow is not installed.

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
    """An open table; each format has a class of its own.

    (No `abc.ABC`: `open_table` alone makes one, always of such a class.)

    Attributes:
        path: the file.
        columns: its columns' names; of JSON lines those of the first object.
    """

    def __init__(self, path: Path):
        self.path = path
        self.columns: list[str] = []

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        """Yields the rows; how they are read is left to the format's class.

        Args:
            columns: those that are needed; a row may have others too.

        Raises:
            ValueError: if a row is damaged; the message names the line.
        """
        raise NotImplementedError


class _DelimitedFile(TableFile):
    def __init__(self, path: Path):
        super().__init__(path)
        self._text = _table_text(path)
        header = self._text.partition("\n")[0]
        if path.suffix == ".tsv":
            self._delimiter = "\t"
        else:
            # Where the comma is the decimal sign, spreadsheets write semicolons.
            self._delimiter = ";" if ";" in header and "," not in header else ","
        for _, row in self._numbered():
            self.columns = row
            break
        for column in self.columns:
            if self.columns.count(column) > 1:
                raise ValueError(f"{path}: the column {column!r} stands there twice")

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        numbered = self._numbered()
        next(numbered, None)
        for where, fields in numbered:
            if len(fields) > len(self.columns):
                raise ValueError(
                    f"{where}: more fields than the header; a text with a delimiter is quoted"
                )
            missing = [None] * (len(self.columns) - len(fields))
            yield where, dict(zip(self.columns, fields + missing))

    def _numbered(self) -> Iterator[tuple[str, list[str]]]:
        """Yields the lines that are not empty, each with the number of the line it ends in."""
        # With newline="" line breaks inside quotes stay as they are.
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
                raise ValueError(f"{where}: no JSON ({error})") from error
            if not isinstance(row, dict):
                raise ValueError(f"{where}: expected a JSON object. Received: {line.strip():.80}")
            yield where, row


class _ParquetFile(TableFile):
    def __init__(self, path: Path):
        super().__init__(path)
        with path.open("rb"):  # pyarrow's own complaint about a missing file names no path
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
            raise ValueError(f"{path}: no Parquet file, or damaged ({error})") from error

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        import pyarrow.parquet

        number = 0
        # Other columns may be large: the pictures themselves stand in some of these files.
        needed = [column for column in self.columns if column in columns]
        try:
            with pyarrow.parquet.ParquetFile(self.path) as file:
                for batch in file.iter_batches(columns=needed):
                    for row in batch.to_pylist():
                        number += 1
                        yield f"{self.path}, row {number}", row
        except self._damages as error:
            raise ValueError(f"{self.path}: damaged after row {number} ({error})") from error


_FORMATS = dict.fromkeys([".csv", ".tsv"], _DelimitedFile)
_FORMATS |= {".jsonl": _JsonLines, ".parquet": _ParquetFile}


def _table_text(path: Path) -> str:
    hint = "A spreadsheet saves a table in UTF-8 as 'CSV UTF-8', a text editor by 'save as'"
    try:
        text = read_text(path)
    except ValueError as error:
        raise ValueError(f"{error}. {hint}") from error
    if "\0" in text:
        # English text in UTF-16 without its mark is valid UTF-8 with a zero after each letter.
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(f"{path}, line {line}: not in UTF-8 (a zero byte). {hint}")
    return text
