"""Files and directories that are whole whenever they are seen: written beside and renamed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_beside(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a path to write to, and renames that file to `path` when all went well.

    Args:
        path: the file wanted. Its directory is made if it does not exist.

    Yields:
        A hidden path beside it, with the same ending.

    Examples:
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


@contextmanager
def directory_beside(path: str | os.PathLike) -> Iterator[Path]:
    """Gives an empty directory to fill, which you rename to its own name when it is whole.

    It is deleted unless you rename it, whatever happens.

    Args:
        path: the directory wanted, or any path in the same folder. The folder is made if it does
            not exist.

    Yields:
        A hidden directory beside it, which everybody may read.

    Examples:
        >>> model = Path(tempfile.mkdtemp()) / "models" / "1"
        >>> with directory_beside(model) as beside:
        ...     _ = (beside / "weights").write_text("0.5")
        ...     _ = beside.rename(model)
        >>> [entry.name for entry in model.parent.iterdir()]
        ['1']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        beside.chmod(0o755)
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
