"""Files of pictures or texts in parts, each of which is embedded as a whole."""

from __future__ import annotations

import itertools
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
        first: the number of the first item; blank texts, which are none, are numbered too.
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
        if self.of == "images":
            return _pictures(self)
        return [Item(text, text) for text in _texts(self) if text.strip()]


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
    count = _count(file, of, column)
    for first in range(0, count, items_per_part):
        yield Part(file, of, column, first, min(first + items_per_part, count))


def _count(file: str, of: str, column: str | None) -> int:
    """Returns how many items a file has, and blank texts."""
    if of == "texts" and _ending(file) == ".txt":
        with open(file, "rb") as lines:
            return sum(1 for _ in lines)
    if _ending(file) == ".parquet":
        return _opened(file, column).metadata.num_rows
    return len(_names(file, of))


def _texts(part: Part) -> list[str]:
    if _ending(part.file) == ".txt":
        with open(part.file, encoding="utf-8-sig", newline="\n") as lines:
            some = itertools.islice(lines, part.first, part.stop)
            return [line.rstrip("\r\n") for line in some]
    opened = _opened(part.file, part.column)
    groups = [opened.metadata.row_group(number).num_rows for number in range(opened.num_row_groups)]
    ends = list(itertools.accumulate(groups))
    read = [n for n, end in enumerate(ends) if end > part.first and end - groups[n] < part.stop]
    first = ends[read[0]] - groups[read[0]]
    texts = opened.read_row_groups(read, [part.column]).column(part.column).to_pylist()
    return [text or "" for text in texts[part.first - first : part.stop - first]]


def _pictures(part: Part) -> list[Item]:
    """Returns references to the pictures; each identifier begins with the file's own name."""
    file = part.file
    if _ending(file) == ".parquet":
        inner = [f"{SEPARATOR}{part.column}[{row}]" for row in range(part.first, part.stop)]
    else:
        between = SEPARATOR if _ending(file) == ".tar" else "/"
        inner = [between + name for name in _names(file, part.of)[part.first : part.stop]]
    return [Item(os.path.basename(file) + end, file + end) for end in inner]


def _names(file: str, of: str) -> list[str]:
    if of == "images" and _ending(file) == ".tar":
        return [name for name in TarMembers(file) if is_picture_name(name)]
    if of == "images" and os.path.isdir(file):
        return picture_names(Path(file))
    kinds = {"images": "a folder, .tar or .parquet", "texts": ".txt or .parquet"}
    raise ValueError(f"`file` must be {kinds[of]}. Received: file={file!r}")


def _ending(file: str) -> str:
    return os.path.splitext(file)[1].lower()


def _opened(file: str, column: str | None):
    from pyarrow import parquet

    opened = parquet.ParquetFile(file)
    if column not in opened.schema_arrow.names:
        names = ", ".join(opened.schema_arrow.names)
        raise ValueError(f"`column` must be one of {names}. Received: column={column!r} ({file})")
    return opened
