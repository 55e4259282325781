"""The members of a tar archive, read where they lie."""

from __future__ import annotations

import errno
import io
import os
import posixpath
import tarfile
import weakref
from collections.abc import Iterator

_LARGEST = 2**28  # bytes of a member that is read
_LARGEST_HEADER = 2**20
_AFTER_END = 2**16  # bytes after the end mark that are looked at
_GZIP = b"\x1f\x8b"


class TarMembers:
    """An open tar archive, whose files are found by name. Any number of threads may read it.

    The headers are read once. Nothing is unpacked to disk, and links are not followed.

    Args:
        path: the archive, without compression.

    Attributes:
        links: names of the members that are links, or devices.

    Raises:
        OSError: if it is not there.
        ValueError: if it is no tar archive, compressed, cut off or damaged, or if a name stands in
            it twice or leads out of it.

    Examples:
        >>> import tempfile
        >>> path = f"{tempfile.mkdtemp()}/000.tar"
        >>> with tarfile.open(path, "w") as archive:
        ...     member = tarfile.TarInfo("./dog.txt")
        ...     member.size = 5
        ...     archive.addfile(member, io.BytesIO(b"a dog"))
        >>> members = TarMembers(path)
        >>> list(members), members.read("dog.txt")
        (['dog.txt'], b'a dog')
    """

    def __init__(self, path: str | os.PathLike):
        self._path = os.fspath(path)
        self.links: set[str] = set()
        self._places: dict[str, tuple[int, int]] = {}
        # No memory map: if the file is cut off meanwhile, reading one would end the process.
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._file)
        self._find_members()

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def size(self, name: str) -> int:
        """Returns the number of a member's bytes."""
        return self._places[name][1]

    def read(self, name: str) -> bytes:
        """Returns the content of a member.

        Raises:
            ValueError: if it is larger than 256 MB.
            OSError: if it cannot be read.
        """
        offset, size = self._places[name]
        if size > _LARGEST:
            raise ValueError(f"{self._path}: {name!r:.80} is too large: {size} bytes")
        content = os.pread(self._file, size, offset)
        if len(content) != size:
            raise OSError(errno.EIO, "the archive was cut off", self._path)
        return content

    def _find_members(self) -> None:
        end = os.fstat(self._file).st_size
        with _Headers(self._path) as file:
            try:
                with tarfile.open(fileobj=file, mode="r:") as archive:
                    while (member := archive.next()) is not None:
                        archive.members.clear()  # type: ignore[attr-defined]  # it keeps them all
                        self._add(member, end)
                    offset = archive.offset
            except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
                kind = "compressed; unpack it first" if self._starts(_GZIP) else str(error)
                raise ValueError(
                    f"{self._path}: no tar archive, or damaged ({kind:.150})"
                ) from None
        # A damaged header would pass for the end.
        after = os.pread(self._file, _AFTER_END, offset)
        if len(after) < tarfile.BLOCKSIZE or after.strip(b"\0"):
            problem = "damaged" if after else "cut off"
            raise ValueError(f"{self._path}: {problem} after {len(self._places)} members")

    def _add(self, member: tarfile.TarInfo, end: int) -> None:
        name = posixpath.normpath(member.name)
        if name.startswith(("/", "../")) or name == "..":
            raise ValueError(f"{name!r:.80} lies outside of the archive")
        if member.isdir():
            return
        if not member.isreg() or member.issparse():
            self.links.add(name)
            return
        if member.offset_data + member.size > end:
            raise ValueError(f"cut off in {name!r:.80}")
        if name in self._places:
            raise ValueError(f"{name!r:.80} stands in it twice")
        self._places[name] = member.offset_data, member.size

    def _starts(self, magic: bytes) -> bool:
        return os.pread(self._file, len(magic), 0) == magic


class _Headers(io.FileIO):
    """A file of which `tarfile` reads headers of a bounded size."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _LARGEST_HEADER:
            raise ValueError(f"a header of {size} bytes")
        return super().read(size)
