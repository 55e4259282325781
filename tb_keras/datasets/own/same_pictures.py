"""Pictures that a table names twice: by several spellings of a path, or by copies of a file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from tb_keras.storage.pictures.picture_reference import (
    picture_digest,
    picture_exists,
    size_or_digest,
)

_ENDS = 4096  # bytes at both ends of a file, by which most files of one size differ


def picture_name(folder: str | os.PathLike, written: str) -> str:
    """Returns the one name of a picture: its path from a folder in the shortest spelling.

    Args:
        folder: the folder that the path is relative to.
        written: the path as a table or list has it.

    Examples:
        >>> picture_name("/data", "./dogs/../cat.png"), picture_name("/data", "/data/cat.png")
        ('cat.png', 'cat.png')
    """
    name = os.path.normpath(written)
    if os.path.isabs(name):
        return name.removeprefix(os.path.join(os.path.abspath(folder), ""))
    return name


def first_of_same(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Returns for each name the first one whose file has the same bytes.

    Only pictures of one size are read. One that is not there, or is empty, is like no other.

    Args:
        folder: the folder that the pictures' references are relative to.
        names: distinct names.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name, content in (("a.png", "dog"), ("b.png", "cat"), ("c.png", "dog")):
        ...     _ = (folder / name).write_text(content)
        >>> first_of_same(folder, ["c.png", "b.png", "a.png"])
        {'c.png': 'c.png', 'b.png': 'b.png', 'a.png': 'c.png'}
    """
    firsts = {name: name for name in names}
    by_size: dict[int | str, list[str]] = {}
    for name in firsts:
        if picture_exists(folder / name) and (size := size_or_digest(folder / name)):
            by_size.setdefault(size, []).append(name)
    for digest in (_ends_digest, picture_digest):
        groups: dict[tuple, list[str]] = {}
        for key, some in by_size.items():
            for name in some if len(some) > 1 else ():
                groups.setdefault((key, digest(folder / name)), []).append(name)
        by_size = dict(enumerate(groups.values()))
    for same in by_size.values():
        firsts.update(dict.fromkeys(same, same[0]))
    return firsts


def _ends_digest(path: Path) -> str:
    if not path.is_file():  # a member of an archive
        return picture_digest(path)
    with path.open("rb") as file:
        ends = file.read(_ENDS)
        file.seek(max(_ENDS, os.path.getsize(path) - _ENDS))
        return hashlib.sha256(ends + file.read()).hexdigest()
