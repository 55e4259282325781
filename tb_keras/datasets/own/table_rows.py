"""Tables as files: CSV, TSV, JSON lines or Parquet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tb_keras.datasets.own.archives.parquet_file import ParquetFile
from tb_keras.datasets.own.archives.tar_shards import TarShards
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
    r"""Opens a `.csv`, `.tsv`, `.jsonl` or `.parquet` file, or WebDataset's `.tar` files.

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
            f"`directory` must be a .csv, .tsv, .jsonl, .parquet or .tar file. Received: '{path}'"
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


_FORMATS = {
    ".csv": DelimitedFile,
    ".tsv": DelimitedFile,
    ".jsonl": _JsonLines,
    ".parquet": ParquetFile,
    ".tar": TarShards,
}
TABLE_ENDINGS = tuple(_FORMATS)
