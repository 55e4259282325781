"""References to pictures, and the one place where they are opened.

A reference is a string:

    photos/dog.jpg              a file
    shards/000.tar::dog.jpg     the member dog.jpg of a tar archive
    pairs.parquet::image[12]    the bytes in a Parquet file: column image, row 12, counted from 0

If a file has the whole string as its path, it is that file. Otherwise the part before the first
"::" that is an archive's path is the archive, so that all names may hold "::".
"""

from __future__ import annotations

import errno
import functools
import hashlib
import io
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from tb_keras.storage.cache_key import file_digest
from tb_keras.storage.pictures.parquet_cells import ParquetCells
from tb_keras.storage.pictures.tar_members import TarMembers
from tb_keras.storage.pictures.transcoded_picture import decodable_picture

SEPARATOR = "::"
_ARCHIVES: dict[str, Callable[[str], ParquetCells | TarMembers]] = {
    ".tar": TarMembers,
    ".parquet": ParquetCells,
}
_OPEN = 64  # archives that are open at a time
_TICK = 50 * 10**6  # nanoseconds, more than the clock of a file system may stand still
_NEW = 10**9  # nanoseconds within which digests are not kept
_LOCK = threading.Lock()
_archives: OrderedDict[tuple[str, int, int], tuple[ParquetCells | TarMembers, int]] = OrderedDict()


def read_picture(reference: str | os.PathLike) -> bytes:
    """Returns the encoded bytes of a picture, in a format that the encoders decode.

    A picture in another format, such as WebP, is made to PNG (`decodable_picture`).

    Raises:
        OSError: if it is not there or cannot be read.
        ValueError: if the archive that should hold it is damaged, or the picture is of another
            format and damaged.

    Examples:
        >>> import tarfile, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> with tarfile.open(f"{folder}/000.tar", "w") as archive:
        ...     member = tarfile.TarInfo("dog.jpg")
        ...     member.size = 9
        ...     archive.addfile(member, io.BytesIO(b"a picture"))
        >>> read_picture(f"{folder}/000.tar::dog.jpg")
        b'a picture'
    """
    return decodable_picture(_content(reference))


def _content(reference: str | os.PathLike) -> bytes:
    """Returns the bytes as they are stored."""
    inside = split_reference(reference)
    if inside is None:
        with open(reference, "rb") as file:
            return file.read()
    archive = _opened(inside[0])
    if inside[1] not in archive:
        raise FileNotFoundError(
            errno.ENOENT, "the archive has no such picture", os.fspath(reference)
        )
    return archive.read(inside[1])


def picture_exists(reference: str | os.PathLike) -> bool:
    """Returns whether there is a file, a member or a cell of this name.

    Raises:
        ValueError: if the archive that should hold it is damaged.
    """
    inside = split_reference(reference)
    if inside is None:
        return os.path.isfile(reference)
    return inside[1] in _opened(inside[0])


def picture_state(reference: str | os.PathLike) -> os.stat_result:
    """Returns the size and times of the file that a picture is or lies in.

    Raises:
        OSError: if the file is not there.
    """
    inside = split_reference(reference)
    return os.stat(reference if inside is None else inside[0])


def picture_digest(reference: str | os.PathLike) -> str:
    """Returns the SHA-256 of a picture's encoded bytes, in hexadecimal, wherever it lies.

    Raises:
        OSError: if it is not there or cannot be read.
        ValueError: if the archive that should hold it is damaged.
    """
    inside = split_reference(reference)
    if inside is None:
        return file_digest(reference)
    state = os.stat(inside[0])
    if time.time_ns() - state.st_mtime_ns < _NEW:
        return hashlib.sha256(_content(reference)).hexdigest()
    return _digest_of(os.path.abspath(inside[0]), inside[1], state.st_size, state.st_mtime_ns)


def size_or_digest(reference: str | os.PathLike) -> int | str:
    """Returns what tells most pictures apart: their size, or the digest where that is not known.

    Raises:
        OSError: if it is not there or cannot be read.
        ValueError: if the archive that should hold it is damaged.
    """
    inside = split_reference(reference)
    if inside is None:
        return os.path.getsize(reference)
    archive = _opened(inside[0])
    return archive.size(inside[1]) if isinstance(archive, TarMembers) else picture_digest(reference)


def picture_source(reference: str | os.PathLike) -> str | io.BytesIO:
    """Returns what Pillow opens: the path of a file, or the bytes from an archive."""
    inside = split_reference(reference)
    return os.fspath(reference) if inside is None else io.BytesIO(_content(reference))


def split_reference(reference: str | os.PathLike) -> tuple[str, str] | None:
    """Returns the path of the archive and the name in it, or None if it is a path.

    Examples:
        >>> split_reference("nowhere.tar::dog.jpg")  # there is no such archive
    """
    reference = os.fspath(reference)
    start = reference.find(SEPARATOR)
    if start < 0 or os.path.isfile(reference):
        return None
    while start >= 0:
        archive = reference[:start]
        if os.path.splitext(archive)[1].lower() in _ARCHIVES and os.path.isfile(archive):
            return archive, reference[start + len(SEPARATOR) :]
        start = reference.find(SEPARATOR, start + 1)
    return None


def opened_tar(path: str | os.PathLike) -> TarMembers:
    """Returns a tar archive that is open, with its members.

    Raises:
        OSError: if it is not there.
        ValueError: if it is damaged or no tar archive.
    """
    archive = _opened(os.fspath(path))
    assert isinstance(archive, TarMembers)
    return archive


def _opened(path: str) -> ParquetCells | TarMembers:
    state = os.stat(path)
    key = os.path.abspath(path), state.st_size, state.st_mtime_ns
    with _LOCK:  # so that two threads do not both list the members
        archive, opened = _archives.pop(key, (None, 0))
        # Opened right after a change, it may have been changed again within the same time.
        if archive is None or opened - state.st_mtime_ns < _TICK:
            opened = time.time_ns()
            archive = _ARCHIVES[os.path.splitext(path)[1].lower()](path)
        _archives[key] = archive, opened
        while len(_archives) > _OPEN:
            _archives.popitem(last=False)  # what was used longest ago
    return archive


@functools.lru_cache(2**18)
def _digest_of(path: str, name: str, size: int, mtime_ns: int) -> str:
    return hashlib.sha256(_content(f"{path}{SEPARATOR}{name}")).hexdigest()
