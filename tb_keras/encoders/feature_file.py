"""Features of many rows in one memory-mapped file, written bit by bit."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import keras
import numpy as np

from tb_keras.atomic_file import written_beside
from tb_keras.cache_directory import cache_directory

_ROWS_BETWEEN_NOTES = 1024  # what a kill loses at the most, besides one block


def feature_file(
    settings: Mapping[str, object],
    num_rows: int,
    blocks: Callable[[int], Iterable[np.ndarray]],
    verbose: bool = True,
) -> np.ndarray:
    """Opens a matrix of features that is kept on disk, computing what is not there yet.

    Unlike `cached_features`, whose result is held in memory, this is for features that may not fit.
    They are kept in float16. A run that is killed goes on behind the last row noted.

    Args:
        settings: all that the features depend on; must be JSON.
        num_rows: how many there are, at least 1.
        blocks: from a row number to the blocks of rows, float `(b, feature_dim)`, from there on.
        verbose: whether to show a progress bar when something has to be computed.

    Returns:
        float16 `(num_rows, feature_dim)`, a memory map.

    Raises:
        ValueError: if the blocks hold more or fewer rows.
    """
    content = json.dumps([dict(settings), num_rows], sort_keys=True)
    key = hashlib.sha256(content.encode()).hexdigest()
    file = cache_directory() / "features" / f"{key}.npy"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _compute(file, num_rows, blocks, verbose)
    return np.load(file, mmap_mode="r")


def _compute(file: Path, num_rows: int, blocks, verbose: bool) -> None:
    unfinished, note = file.with_name(f".{file.name}"), file.with_suffix(".rows")
    done = int(note.read_text()) if note.exists() and unfinished.exists() else 0
    features = np.lib.format.open_memmap(unfinished, mode="r+") if done else None
    progress = keras.utils.Progbar(num_rows, verbose=verbose, unit_name="region")
    progress.update(done)
    noted = done
    for block in blocks(done):
        end = done + len(block)
        if end > num_rows:
            raise ValueError(f"`blocks` must hold {num_rows} rows. Received: more")
        if features is None:
            note.unlink(missing_ok=True)  # of a file that is gone
            shape = (num_rows, block.shape[1])
            features = np.lib.format.open_memmap(unfinished, "w+", np.float16, shape)
        features[done:end] = block
        done = end
        progress.update(done)
        if done - noted >= _ROWS_BETWEEN_NOTES:
            features.flush()
            with written_beside(note) as beside:
                beside.write_text(str(done))
            noted = done
    if done != num_rows:
        raise ValueError(f"`blocks` must hold {num_rows} rows. Received: {done}")
    features.flush()
    os.replace(unfinished, file)
    note.unlink(missing_ok=True)
