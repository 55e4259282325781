"""The directories of kept features: one for each encoder with its settings, in the cache directory.

settings.json    what the features depend on, but for long values; its time is that of the last use
rows.npy         the features
digests          of a `FeatureStore`: the SHA-256 of what each row encodes, 32 bytes for each
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.cache_directory import cache_directory
from tb_keras.storage.cache_key import cache_key

ROWS = "rows.npy"
_SETTINGS = "settings.json"
_LOCK = ".lock"
_LONGEST = 500  # characters of a value that is written to settings.json


class KeptFeatures(NamedTuple):
    """A directory of kept features, or a file that an older version left.

    Attributes:
        path: the directory or file.
        settings: what the features depend on; empty for other files.
        items: the number of rows, 0 if it is not known.
        size: bytes on disk.
        last_used: seconds since 1970.
    """

    path: Path
    settings: dict
    items: int
    size: int
    last_used: float


def kept_directory(settings: Mapping[str, object], content: object = None) -> Path:
    """Returns the directory of features; it may not exist yet.

    Args:
        settings: all that the features depend on besides the content, as JSON.
        content: what tells the encoded content from other content, as JSON.
    """
    return _all_features() / cache_key(settings, content)


def note_use(directory: Path, settings: Mapping[str, object]) -> None:
    """Notes that a directory is used now, and for what."""
    file = directory / _SETTINGS
    try:
        os.utime(file)
    except FileNotFoundError:
        short = {n: value for n, value in settings.items() if len(json.dumps(value)) <= _LONGEST}
        with written_beside(file) as beside:
            beside.write_text(json.dumps(short, indent=1, sort_keys=True), encoding="utf-8")
    except PermissionError:  # a cache that others may only read
        pass


@contextmanager
def locked(directory: Path, wait: bool = True) -> Iterator[None]:
    """Holds the lock of a directory, which is made if it does not exist.

    Args:
        directory: the directory.
        wait: whether to wait for another process that holds it.

    Raises:
        BlockingIOError: another process holds it, and `wait` is False.
    """
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / _LOCK).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if _is_there(directory / _LOCK, file.fileno()):
                yield
                return
        # The directory was deleted while this process waited.


def _is_there(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file))
    except FileNotFoundError:
        return False


def kept_features() -> list[KeptFeatures]:
    """Returns all kept features, those used last first."""
    found = []
    for path in _all_features().glob("*"):
        try:
            found.append(_described(path))
        except FileNotFoundError:  # deleted meanwhile
            continue
    return sorted(found, key=lambda kept: -kept.last_used)


def delete_kept(kept: KeptFeatures) -> bool:
    """Deletes kept features, unless a process is writing them. Returns whether it did.

    A process that is reading them goes on, and one that needs them later encodes anew.
    """
    if not kept.path.is_dir():
        kept.path.unlink(missing_ok=True)
        return True
    gone = kept.path.with_name(f".{os.getpid()}-{kept.path.name}")
    try:
        with locked(kept.path, wait=False):
            kept.path.rename(gone)
    except BlockingIOError:
        return False
    shutil.rmtree(gone)
    return True


def _described(path: Path) -> KeptFeatures:
    if not path.is_dir():
        state = path.stat()
        return KeptFeatures(path, {}, 0, state.st_size, state.st_mtime)
    size = sum(file.stat().st_size for file in path.iterdir())
    try:
        settings = json.loads((path / _SETTINGS).read_text(encoding="utf-8"))
        last_used = (path / _SETTINGS).stat().st_mtime
    except (FileNotFoundError, ValueError):
        settings, last_used = {}, path.stat().st_mtime
    return KeptFeatures(path, settings, _num_rows(path / ROWS), size, last_used)


def _num_rows(file: Path) -> int:
    try:
        with file.open("rb") as stream:
            np.lib.format.read_magic(stream)
            return np.lib.format.read_array_header_1_0(stream)[0][0]
    except (FileNotFoundError, ValueError):
        return 0


def _all_features() -> Path:
    return cache_directory() / "features"
