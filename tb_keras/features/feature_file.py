"""Features of many rows in one memory-mapped file, written bit by bit."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import keras
import numpy as np

from tb_keras.storage.cache_directory import cache_directory
from tb_keras.storage.cache_key import cache_key
from tb_keras.storage.feature_dtype import feature_dtype
from tb_keras.storage.growing_matrix import GrowingMatrix

_ROWS_BETWEEN_NOTES = 1024  # what a kill loses at the most, besides one block


def feature_file(
    settings: Mapping[str, object],
    num_rows: int,
    blocks: Callable[[int], Iterable[np.ndarray]],
    verbose: bool = True,
    dtype: str | None = None,
) -> np.ndarray:
    """Opens a matrix of features that is kept on disk, computing what is not there yet.

    Unlike `cached_features`, whose result is held in memory, this is for features that may not fit.
    A run that is killed goes on behind the last row noted.

    Args:
        settings: all that the features depend on; must be JSON.
        num_rows: how many there are, at least 1.
        blocks: from a row number to the blocks of rows, `(b, feature_dim)`, from there on.
        verbose: whether to show a progress bar when something has to be computed.
        dtype: in which they are kept, which must follow from `settings`; if left out float16, or of
            ints int32.

    Returns:
        `(num_rows, feature_dim)` of that dtype, a memory map.

    Raises:
        ValueError: if the blocks hold more or fewer rows.
    """
    file = cache_directory() / "features" / f"{cache_key(settings, num_rows)}.npy"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        _compute(file, num_rows, blocks, dtype, verbose)
    return np.load(file, mmap_mode="r")


def _compute(file: Path, num_rows: int, blocks, dtype: str | None, verbose: bool) -> None:
    unfinished = file.with_name(f".{file.stem}.growing.npy")
    progress = keras.utils.Progbar(num_rows, verbose=verbose, unit_name="row")
    with GrowingMatrix(unfinished) as matrix:
        noted = matrix.num_rows
        progress.update(noted)
        for block in blocks(noted):
            if matrix.num_rows + len(block) > num_rows:
                raise ValueError(f"`blocks` must hold {num_rows} rows. Received: more")
            kept = np.asarray(block, dtype or feature_dtype(block, floats="float16"))
            matrix.write(matrix.num_rows, kept)
            progress.update(matrix.num_rows)
            if matrix.num_rows - noted >= _ROWS_BETWEEN_NOTES:
                matrix.commit()
                noted = matrix.num_rows
        if matrix.num_rows != num_rows:
            raise ValueError(f"`blocks` must hold {num_rows} rows. Received: {matrix.num_rows}")
        matrix.commit()
    os.replace(unfinished, file)
