"""Memory maps of matrices whose files cannot be mapped as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.cache_directory import cache_directory
from tb_keras.storage.numpy_files import open_array

BLOCK_VALUES = 2**24  # values that are in memory at once (128 MiB of float64)


class Matrix(Protocol):
    """A matrix on disk that is read in blocks.

    Attributes:
        path: the file.
        shape: the numbers of rows and columns.
        part: a JSON value that tells the matrix from others in the same file.
    """

    path: Path
    shape: tuple[int, int]
    part: Any

    def blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields blocks that make up the matrix: first row, first column, values."""


def memory_map(matrices: Sequence[Matrix], dtype: np.dtype | type = np.float32) -> np.ndarray:
    """Returns the rows of all matrices as one read-only memory map.

    The first call writes them to the folder `matrices` in the cache directory. Further calls open
    that file, unless the size or the time of one of the sources has changed.

    Args:
        matrices: at least one `Matrix`, all with the same number of columns.
        dtype: the dtype of the result.

    Raises:
        ValueError: if the numbers of columns differ, or a file is damaged.
    """
    shapes = [matrix.shape for matrix in matrices]
    for matrix, shape in zip(matrices, shapes):
        if shape[1] != shapes[0][1]:
            raise ValueError(
                f"{matrix.path} must have {shapes[0][1]} columns, as {matrices[0].path}. "
                f"Received: {shape[1]}"
            )
    dtype = np.dtype(dtype)
    states = [(matrix.path.resolve(), matrix.path.stat(), matrix.part) for matrix in matrices]
    keys = [(str(path), stat.st_size, stat.st_mtime_ns, part) for path, stat, part in states]
    digest = hashlib.sha256(json.dumps([dtype.str, keys]).encode()).hexdigest()
    file = cache_directory() / "matrices" / f"{matrices[0].path.stem}-{digest[:32]}.npy"
    if not file.is_file():
        with written_beside(file) as beside:
            rows = sum(rows for rows, _ in shapes)
            _write(beside, matrices, (rows, shapes[0][1]), dtype)
    return open_array(file)


def _write(path: Path, matrices: Sequence[Matrix], shape: tuple[int, int], dtype: np.dtype) -> None:
    from keras.utils import Progbar

    result = np.lib.format.open_memmap(path, "w+", dtype, shape)
    long = result.size > 2 * BLOCK_VALUES
    progress = Progbar(result.size, unit_name="value") if long else None
    if long:
        print(f"Writing {shape[0]} rows of {matrices[0].path.name} to the cache", flush=True)
    first = 0
    for matrix in matrices:
        for row, column, block in matrix.blocks():
            rows, columns = block.shape
            row += first
            result[row : row + rows, column : column + columns] = block
            if progress is not None:
                progress.add(block.size)
        first += matrix.shape[0]
    result.flush()


class NumpyMatrix:
    """A `Matrix` of some rows of a `.npy` file.

    Args:
        path: the file.
        rows: int `(r,)`, the rows in ascending order; all rows for None.
    """

    def __init__(self, path: Path, rows: np.ndarray | None = None):
        self.path = path
        self._array = open_array(path)
        if self._array.ndim != 2:
            raise ValueError(f"{path} must have rank 2. Received: shape={self._array.shape}")
        if self._array.dtype.kind not in "fiu":
            raise ValueError(f"{path} must hold numbers. Received: {self._array.dtype!s:.80}")
        self._rows = np.arange(len(self._array)) if rows is None else rows
        self.shape = (len(self._rows), self._array.shape[1])
        self.dtype = self._array.dtype
        self.part = hashlib.sha256(self._rows.astype(np.int64).tobytes()).hexdigest()

    def blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        step = max(1, BLOCK_VALUES // max(1, self.shape[1]))
        for first in range(0, len(self._rows), step):
            yield first, 0, self._array[self._rows[first : first + step]]
