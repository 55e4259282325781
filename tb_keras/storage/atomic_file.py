"""Files that are whole whenever they are seen: written beside and renamed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a path to write to, and renames that file to `path` when all went well.

    Args:
        path: of the file wanted; its directory is made if it is not there.

    Yields:
        A hidden path beside it, with the same ending.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "results" / "figures.json"
        >>> with written_beside(file) as beside:
        ...     _ = beside.write_text("{}")
        >>> file.read_text()
        '{}'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
