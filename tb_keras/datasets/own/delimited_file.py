"""Tables of comma-, semicolon- or tab-separated values."""

from __future__ import annotations

import csv
import io
import itertools
import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.own.table_file import Row, TableFile, table_text

csv.field_size_limit(2**31 - 1)  # a long text is no error; the file is in memory anyway


class DelimitedFile(TableFile):
    r"""A file of comma-, semicolon- or tab-separated values, with a header.

    A field in quotes may hold delimiters and line breaks, and a quote is written twice there. Many
    programs write tab-separated values without any quoting. So a quote that begins a field is
    taken as it stands if it is not closed in its line while each line has as many fields as the
    header.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "pairs.tsv"
        >>> _ = path.write_text('image\ttext\na.png\t"the best blue\nb.png\ta size of 24"\n')
        >>> [row["text"] for _, row in DelimitedFile(path).rows(["text"])]
        ['"the best blue', 'a size of 24"']
    """

    def __init__(self, path: Path):
        super().__init__(path)
        self._text = table_text(path)
        header = self._text.partition("\n")[0]
        if path.suffix == ".tsv":
            self._delimiter = "\t"
        else:
            # Spreadsheets write semicolons in languages where the comma is the decimal sign.
            self._delimiter = ";" if ";" in header and "," not in header else ","
        for _, row in self._quoted():
            self.columns = row
            break
        for column in self.columns:
            if self.columns.count(column) > 1:
                raise ValueError(f"{path}: the column {column!r} comes twice")
        self._by_line = self._has_stray_quote()

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        numbered = self._line_by_line() if self._by_line else self._quoted()
        next(numbered, None)
        for number, fields in numbered:
            where = f"{self.path}, line {number}"
            if len(fields) > len(self.columns):
                raise ValueError(
                    f"{where}: more fields than the header; a text with a delimiter is quoted"
                )
            yield where, dict(itertools.zip_longest(self.columns, fields))

    def _quoted(self) -> Iterator[tuple[int, list[str]]]:
        """Yields the rows that are not empty, each with the line it begins in."""
        # With this newline, line breaks inside quotes stay as they are.
        lines = io.StringIO(self._text, newline="\n")
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        line = 1
        try:
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            opened = "; a quote that opens here is not closed" if reader.line_num > line else ""
            raise ValueError(f"{self.path}, line {line}: {error}{opened}") from error

    def _line_by_line(self) -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(self._text.split("\n"), 1):
            if line:
                yield number, self._fields(line)

    def _fields(self, line: str) -> list[str]:
        """Returns the fields of a line; quotes count only if they are closed in it."""
        try:
            fields = next(csv.reader([line], delimiter=self._delimiter, strict=True))
            if len(fields) == len(self.columns):
                return fields
        except csv.Error:
            pass
        return line.split(self._delimiter)

    def _has_stray_quote(self) -> bool:
        """Returns whether quotes must be read line by line, and warns if they might."""
        if '"' not in self._text:
            return False
        lines = self._text.split("\n")
        # A field that is quoted and closed, before one that is quoted, speaks for a quoting writer.
        mark = re.escape(self._delimiter)
        quoting = re.compile(rf'(^|{mark})"(""|[^"])*"({mark}|$)')
        suspects = []
        try:
            numbers = [number for number, _ in self._quoted()] + [len(lines) + 1]
            broken = False
        except ValueError:
            numbers, broken = [], True
        for first, following in itertools.pairwise(numbers):
            part = [line for line in lines[first - 1 : following - 1] if line]
            if len(part) > 1 and not quoting.search(part[0]) and self._are_rows(part):
                suspects.append(first)
        if self._delimiter == "\t":
            return (broken or bool(suspects)) and self._are_rows(filter(None, lines))
        if suspects:
            warnings.warn(
                f"{self.path}, line {suspects[0]}: a quote opens here, so this line and the next "
                "are one row, though each looks like a row; a quote within a text is written "
                "twice, in a field in quotes",
                stacklevel=2,
            )
        return False

    def _are_rows(self, lines) -> bool:
        return all(len(self._fields(line)) == len(self.columns) for line in lines)
