"""Tables as files: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tb_keras.datasets.own.delimited_file import DelimitedFile
from tb_keras.datasets.own.table_file import Row, TableFile, table_lines


class TableRow(NamedTuple):
    """A checked row of a table, with one of its texts.

    Attributes:
        where: the file and the line, for error messages.
        image: the picture's path in the table.
        text: the text.
        split: the split; None if the table has no such column.
        language: the language; None if the table has no such column.
        group: the group of pictures that no split divides; None without one.
        box: four floats, xyxy in pixels; None without a box.
    """

    where: str
    image: str
    text: str
    split: str | None
    language: str | None
    group: str | None
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
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise ValueError(
            f"`directory` must be a .csv, .tsv, .jsonl or .parquet file. Received: '{path}'"
        )
    return _FORMATS[ending](path)


class _JsonLines(TableFile):
    def __init__(self, path: Path):
        super().__init__(path)
        for _, row in self.rows(()):
            self.columns = list(row)
            break

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for number, line in enumerate(table_lines(self.path), 1):
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
TABLE_ENDINGS = tuple(_FORMATS)
