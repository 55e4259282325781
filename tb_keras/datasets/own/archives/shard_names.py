"""The files that a pattern with braces names, such as `shard-{000..009}.tar`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

_MOST_SHARDS = 100_000
_BRACES = re.compile(r"\{(\d+\.\.\d+|[^{}]*,[^{}]*)\}")


def is_pattern(path: Path) -> bool:
    """Returns whether a path is no file but names several archives or Parquet files."""
    return path.suffix in (".tar", ".parquet") and bool(_BRACES.search(str(path)))


def matching_shards(path: Path) -> list[Path]:
    """Returns the files that a path or a pattern with braces names, in its order.

    Raises:
        FileNotFoundError: if one is not there.
        ValueError: if the pattern names too many.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("08", "09", "10"):
        ...     (folder / f"{name}.tar").touch()
        >>> [shard.name for shard in matching_shards(folder / "{08..10}.tar")]
        ['08.tar', '09.tar', '10.tar']
    """
    shards = [path] if path.is_file() else list(map(Path, _expanded(str(path))))
    missing = [shard for shard in shards if not shard.is_file()]
    if missing:
        raise FileNotFoundError(
            f"there is no file '{missing[0]}'"
            + (f", nor {len(missing) - 1} others of '{path}'" if len(missing) > 1 else "")
        )
    return shards


def common_folder(shards: Sequence[Path]) -> Path:
    """Returns the folder that holds all shards, in it or below it."""
    return Path(os.path.commonpath([shard.parent for shard in shards]))


def _expanded(pattern: str) -> list[str]:
    match = _BRACES.search(pattern)
    if match is None:
        return [pattern]
    first, dots, last = match[1].partition("..")
    numbers = range(int(first), int(last) + 1) if dots else ()
    rests = _expanded(pattern[match.end() :])
    if dots and (not numbers or numbers[-1] - numbers[0] >= _MOST_SHARDS // len(rests)):
        raise ValueError(
            f"a pattern must name 1 to {_MOST_SHARDS} shards. Received: {pattern:.200}"
        )
    width = len(first) if dots and first.startswith("0") else 0
    parts = map(str, numbers) if dots else match[1].split(",")
    head = pattern[: match.start()]
    return [f"{head}{part:0>{width}}{rest}" for part in parts for rest in rests]
