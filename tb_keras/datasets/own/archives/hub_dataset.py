"""A `datasets.Dataset` of Hugging Face as a table."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol, runtime_checkable

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.cache_directory import cache_directory


@runtime_checkable
class HubDataset(Protocol):
    """What is used of a `datasets.Dataset`, so that the library need not be installed."""

    _fingerprint: str

    def to_parquet(self, path_or_buf: str) -> int:
        """Writes a Parquet file, in which a picture is a struct of `bytes` and `path`."""
        ...


def table_path(table: str | os.PathLike | HubDataset) -> Path:
    """Returns the path of a table. A `datasets.Dataset` is written to the cache directory once.

    Raises:
        ValueError: if `table` is neither.

    Examples:
        >>> table_path("pairs.csv").name
        'pairs.csv'
    """
    if isinstance(table, (str, os.PathLike)):
        return Path(table)
    if not isinstance(table, HubDataset):
        hint = ", of which one split is read: dataset['train']" if isinstance(table, dict) else ""
        raise ValueError(
            "`directory` must be the path of a table, or a datasets.Dataset. "
            f"Received: {type(table).__name__}{hint}"
        )
    file = cache_directory() / "datasets" / f"{table._fingerprint}.parquet"
    if not file.exists():
        with written_beside(file) as beside:
            table.to_parquet(str(beside))
    return file
