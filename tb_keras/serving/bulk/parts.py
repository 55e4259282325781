"""Files of pictures or texts in parts, each of which is embedded as a whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tb_keras.storage.pictures.picture_folder import is_picture_name, picture_names
from tb_keras.storage.pictures.picture_reference import SEPARATOR
from tb_keras.storage.pictures.tar_members import TarMembers


class Item(NamedTuple):
    """A picture or a text.

    Attributes:
        id: tells it from all others.
        content: a reference to the picture, as `read_picture` takes it; or the text.
    """

    id: str
    content: str


class Part(NamedTuple):
    """Some items of a file, one after the other.

    Attributes:
        file: a folder of pictures, a tar archive of them, a text file with a line for each text, or
            a Parquet file.
        of: `"images"` or `"texts"`.
        column: of a Parquet file: its bytes of pictures, or its strings.
        first: the number of the first item.
        stop: the number after the last.
    """

    file: str
    of: str
    column: str | None
    first: int
    stop: int

    @property
    def name(self) -> str:
        """The name of what is written about it."""
        return f"{os.path.basename(self.file)}-{self.first:010d}"

    def items(self) -> list[Item]:
        """Returns the items.

        Raises:
            OSError: if the file is not there.
            ValueError: if it is damaged.
        """
        return _items(self.file, self.of, self.column)[self.first : self.stop]


def parts_of(file: str, of: str, column: str | None, items_per_part: int) -> Iterator[Part]:
    r"""Yields the parts of a file, all but the last of one size.

    Args:
        file: as in `Part`.
        of: as in `Part`.
        column: as in `Part`.
        items_per_part: positive int.

    Raises:
        OSError: if the file is not there.
        ValueError: if it is damaged, of another kind, or has no such column.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "captions.txt"
        >>> _ = file.write_text("a dog\na cat\na bus\n")
        >>> parts = list(parts_of(str(file), "texts", None, 2))
        >>> [part.name for part in parts]
        ['captions.txt-0000000000', 'captions.txt-0000000002']
        >>> parts[1].items()
        [Item(id='a bus', content='a bus')]
    """
    count = len(_items(file, of, column))
    for first in range(0, count, items_per_part):
        yield Part(file, of, column, first, min(first + items_per_part, count))


def _items(file: str, of: str, column: str | None) -> list[Item]:
    ending = os.path.splitext(file)[1].lower()
    if ending == ".parquet":
        return _of_parquet(file, of, column)
    if of == "texts" and ending == ".txt":
        lines = Path(file).read_text(encoding="utf-8").splitlines()
        return [Item(line, line) for line in lines if line.strip()]
    if of == "images" and ending == ".tar":
        base = os.path.basename(file)
        names = [name for name in TarMembers(file) if is_picture_name(name)]
        return [Item(f"{base}{SEPARATOR}{n}", f"{file}{SEPARATOR}{n}") for n in names]
    if of == "images" and os.path.isdir(file):
        return [Item(name, os.path.join(file, name)) for name in picture_names(Path(file))]
    kinds = {"images": "a folder, .tar or .parquet", "texts": ".txt or .parquet"}
    raise ValueError(f"`file` must be {kinds[of]}. Received: file={file!r}")


def _of_parquet(file: str, of: str, column: str | None) -> list[Item]:
    from pyarrow import parquet

    opened = parquet.ParquetFile(file)
    if column not in opened.schema_arrow.names:
        names = ", ".join(opened.schema_arrow.names)
        raise ValueError(f"`column` must be one of {names}. Received: column={column!r} ({file})")
    if of == "texts":
        texts = opened.read([column]).column(column).to_pylist()
        return [Item(text, text) for text in texts if text and text.strip()]
    cells = [f"{SEPARATOR}{column}[{row}]" for row in range(opened.metadata.num_rows)]
    return [Item(os.path.basename(file) + cell, file + cell) for cell in cells]
