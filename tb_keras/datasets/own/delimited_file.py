"""Tables of comma-, semicolon-, tab- or pipe-separated values."""

from __future__ import annotations

import csv
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.own.columns.column_names import separator
from tb_keras.datasets.own.table_file import Row, TableFile, table_lines

csv.field_size_limit(2**31 - 1)  # a long text is no error


class DelimitedFile(TableFile):
    r"""A file of comma-, semicolon-, tab- or pipe-separated values, with a header.

    The header tells the separator. A field in quotes may hold delimiters and line breaks, and a
    quote is written twice there. Many programs write tab-separated values without any quoting. So a
    quote that begins a field is taken as it stands if it is not closed in its line while each line
    has as many fields as the header.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "pairs.tsv"
        >>> _ = path.write_text('image\ttext\na.png\t"the best blue\nb.png\ta size of 24"\n')
        >>> [row["text"] for _, row in DelimitedFile(path).rows(["text"])]
        ['"the best blue', 'a size of 24"']
    """

    def __init__(self, path: Path):
        super().__init__(path)
        header = next(filter(str.strip, table_lines(path)), "").removesuffix("\n")
        self._delimiter = separator(header, "\t" if path.suffix.lower() == ".tsv" else ",")
        for _, row in self._quoted(table_lines(path)):
            self.columns = [column.strip() for column in row]
            break
        for column in self.columns:
            if self.columns.count(column) > 1:
                raise ValueError(f"{path}: the column {column!r:.80} comes twice")
        self._by_line = self._has_stray_quote()

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        lines = table_lines(self.path)
        numbered = self._line_by_line(lines) if self._by_line else self._quoted(lines)
        next(numbered, None)
        for number, fields in numbered:
            where = f"{self.path}, line {number}"
            if len(fields) > len(self.columns):
                raise ValueError(
                    f"{where}: more fields than the header; a text with a delimiter is quoted"
                )
            yield where, dict(itertools.zip_longest(self.columns, fields))

    def _reader(self, lines: Iterable[str]):
        # Pipes are set off by spaces, as in "1.jpg| 0| A dog".
        spaced = self._delimiter == "|"
        return csv.reader(lines, delimiter=self._delimiter, strict=True, skipinitialspace=spaced)

    def _quoted(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        """Yields the rows that are not empty, each with the line it begins in."""
        reader = self._reader(lines)
        line = 1
        try:
            for fields in reader:
                if fields:
                    yield line, fields
                line = reader.line_num + 1
        except csv.Error as error:
            opened = "; a quote that opens here is not closed" if reader.line_num > line else ""
            raise ValueError(f"{self.path}, line {line}: {error}{opened}") from error

    def _line_by_line(self, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
        for number, line in enumerate(lines, 1):
            line = line.removesuffix("\n")
            if line:
                yield number, self._fields(line)

    def _fields(self, line: str) -> list[str]:
        """Returns the fields of a line; quotes count only if they are closed in it."""
        try:
            fields = next(self._reader([line]))
            if len(fields) == len(self.columns):
                return fields
        except csv.Error:
            pass
        return line.split(self._delimiter)

    def _has_stray_quote(self) -> bool:
        """Returns whether quotes must be read line by line, and warns if they might."""
        if not any('"' in line for line in table_lines(self.path)):
            return False
        # A field that is quoted and closed, before one that is quoted, speaks for a quoting writer.
        mark = re.escape(self._delimiter)
        quoting = re.compile(rf'(^|{mark})"(""|[^"])*"({mark}|$)')
        suspect, broken = None, False
        part: list[str] = []  # the lines of a row

        def noted() -> Iterator[str]:
            for line in table_lines(self.path):
                part.append(line.removesuffix("\n"))
                yield line

        try:
            for number, _ in self._quoted(noted()):
                lines = list(filter(None, part))
                part.clear()
                if suspect is None and len(lines) > 1 and not quoting.search(lines[0]):
                    suspect = number if self._are_rows(lines) else None
        except ValueError:
            broken = True
        if self._delimiter == "\t":
            lines_there = (line.removesuffix("\n") for line in table_lines(self.path))
            return (broken or suspect is not None) and self._are_rows(filter(None, lines_there))
        if suspect is not None and not broken:
            warnings.warn(
                f"{self.path}, line {suspect}: a quote opens here, so this line and the next "
                "are one row, though each looks like a row; a quote within a text is written "
                "twice, in a field in quotes",
                stacklevel=2,
            )
        return False

    def _are_rows(self, lines: Iterable[str]) -> bool:
        return all(len(self._fields(line)) == len(self.columns) for line in lines)
