"""Features that may not fit in memory, each matrix a memory-mapped file of the cache directory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from tb_keras.storage.feature_cache import filled_store
from tb_keras.storage.growing_matrix import GrowingMatrix
from tb_keras.storage.kept_directory import ROWS, kept_directory, locked, note_use
from tb_keras.storage.kept_dtype import kept_dtype
from tb_keras.storage.mapped_rows import read_ahead

_ROWS_BETWEEN_NOTES = 1024  # what a kill loses at the most, besides one block
_BLOCK_ROWS = 1024  # items encoded, or rows copied, at a time


def feature_file(
    settings: Mapping[str, object],
    num_rows: int,
    blocks: Callable[[int], Iterable[np.ndarray]],
    verbose: bool = True,
    dtype: str | None = None,
) -> np.ndarray:
    """Opens a matrix of features that is kept on disk, after computing what is missing.

    A run that is killed continues behind the last row noted. (`cached_features` is for features
    that fit in memory.)

    Args:
        settings: all that the features depend on, as JSON.
        num_rows: number of rows, at least 1.
        blocks: a function from a row number to the blocks `(b, feature_dim)` from that row on.
        verbose: whether to show a progress bar when something has to be computed.
        dtype: type on disk, which must follow from `settings`. If left out as `kept_dtype` says,
            with float16 for floats.

    Returns:
        A memory map `(num_rows, feature_dim)` of that type.

    Raises:
        ValueError: the blocks hold more or fewer rows.
    """
    directory = kept_directory(settings, num_rows)
    file = directory / ROWS
    note_use(directory, settings)
    if not file.exists():
        with locked(directory):
            if not file.exists():  # another process may have computed it meanwhile
                _compute(file, num_rows, blocks, dtype, verbose)
    return np.load(file, mmap_mode="r")


def mapped_features(
    settings: Mapping[str, object],
    items: Sequence[str],
    digest: Callable[[str], str],
    encode: Callable[[Sequence[str]], np.ndarray],
    verbose: bool = True,
) -> np.ndarray:
    """Encodes items, or reads from disk what was encoded before, without holding it in memory.

    The arguments are those of `cached_features`, which keeps the same rows. Those of these items
    are written to a file of their own, in their order.

    Returns:
        A memory map `(len(items), feature_dim)`, float16, int32 for ints, or uint8.
    """
    store, digests = filled_store(settings, items, digest, encode, verbose)

    def blocks(start: int) -> Iterator[np.ndarray]:
        for first in range(start, len(digests), _BLOCK_ROWS):
            yield store.take(digests[first : first + _BLOCK_ROWS])

    content = hashlib.sha256(b"".join(digests)).hexdigest()
    settings = {**settings, "rows of": content}
    return feature_file(settings, len(items), blocks, verbose=False)


def ordered_rows(
    features: np.ndarray, rows: np.ndarray, settings: Mapping[str, object]
) -> np.ndarray:
    """Returns `features[rows]` without holding it in memory.

    Args:
        features: a memory map `(n, dim)`.
        rows: int `(m,)`, at least one; a row may occur more than once.
        settings: JSON that tells these rows of these features from others.

    Returns:
        A memory map `(m, dim)` in the dtype of `features`: a part of `features` if the rows lie
        there in order, otherwise a file that is written once.
    """
    first = int(rows[0])
    if np.array_equal(rows, np.arange(first, first + len(rows))):
        return features[first : first + len(rows)]

    def blocks(start: int) -> Iterator[np.ndarray]:
        for first in range(start, len(rows), _BLOCK_ROWS):
            some = rows[first : first + _BLOCK_ROWS]
            read_ahead(features, some)
            yield features[some]

    settings = {"kind": "ordered", "dtype": features.dtype.str, **settings}
    return feature_file(settings, len(rows), blocks, verbose=False, dtype=features.dtype.str)


def _compute(file: Path, num_rows: int, blocks, dtype: str | None, verbose: bool) -> None:
    unfinished = file.with_name(f".growing-{file.name}")
    progress = keras.utils.Progbar(num_rows, verbose=verbose, unit_name="row")
    with GrowingMatrix(unfinished) as matrix:
        noted = matrix.num_rows
        missing = blocks(noted)  # may say something, which stands above the bar
        progress.update(noted)
        for block in missing:
            block = np.asarray(block)
            if matrix.num_rows + len(block) > num_rows:
                raise ValueError(f"`blocks` must hold {num_rows} rows. Received: more")
            kept = dtype or kept_dtype(block.dtype, "float16")
            matrix.write(matrix.num_rows, block.astype(kept, copy=False))
            progress.update(matrix.num_rows)
            if matrix.num_rows - noted >= _ROWS_BETWEEN_NOTES:
                matrix.commit()
                noted = matrix.num_rows
        if matrix.num_rows != num_rows:
            raise ValueError(f"`blocks` must hold {num_rows} rows. Received: {matrix.num_rows}")
        matrix.commit()
    os.replace(unfinished, file)
