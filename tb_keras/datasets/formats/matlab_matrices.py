"""Matrices in MATLAB files, of version 5 and of version 7.3, which is HDF5."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from tb_keras.datasets.formats.matrix_cache import BLOCK_VALUES, Matrix

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_REAL = (
    "double",
    "single",
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)


def matlab_matrix(path: Path, variable: str, rows: int | None = None) -> Matrix:
    """Opens a matrix in a `.mat` file, for `memory_map` to read.

    MATLAB stores a matrix column by column, so h5py shows an n × d matrix of version 7.3 as d × n.
    Here it is transposed block by block. A matrix of version 5 has less than 2 GiB and is read
    whole.

    Args:
        path: the file.
        variable: the name of the matrix.
        rows: the expected number of rows, or None. If the matrix has so many columns and another
            number of rows, it is transposed.

    Returns:
        A `Matrix` with the rows and columns that MATLAB shows, or transposed.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if it is not a `.mat` file, is cut off, or has no such matrix of real numbers.
            The message lists the variables that it has.
        ImportError: if h5py, for version 7.3, or scipy, for version 5, is not installed.
    """
    with path.open("rb") as file:
        start = file.read(520)
    # MATLAB puts 512 bytes before the signature.
    is_hdf5 = _HDF5_SIGNATURE in (start[:8], start[512:])
    return (_Version73Matrix if is_hdf5 else _Version5Matrix)(path, variable, rows)


class _MatlabMatrix:
    """The base class of both versions, each of which has its own `_shape` and `blocks`."""

    def __init__(self, path: Path, variable: str, rows: int | None):
        self.path = path
        self._variable = variable
        shape = self._shape()
        if len(shape) != 2 or not all(shape):
            raise ValueError(f"{path}: {variable!r:.80} must be a matrix. Received: shape={shape}")
        self._in_columns = rows is not None and shape[0] != rows == shape[1]
        self.shape = shape[::-1] if self._in_columns else shape
        self.part = [variable, self._in_columns]

    def _shape(self) -> tuple[int, ...]:
        """Returns the shape that MATLAB shows."""
        raise NotImplementedError

    def _check_names(self, names: Sequence[str]) -> None:
        if self._variable not in names:
            known = ", ".join(map(repr, names)) or "no variable"
            raise ValueError(f"{self.path}: no variable {self._variable!r}, there is {known:.300}")

    def _check_real(self, real: bool) -> None:
        if not real:
            raise ValueError(f"{self.path}: {self._variable!r:.80} must hold real numbers")


class _Version73Matrix(_MatlabMatrix):
    def _shape(self) -> tuple[int, ...]:
        h5py = _imported("h5py", self.path)
        with _damage_named(self.path), h5py.File(self.path, "r") as file:
            self._check_names(list(file))
            dataset = file[self._variable]
            self._check_real(isinstance(dataset, h5py.Dataset) and dataset.dtype.kind in "fiu")
            self._chunks = dataset.chunks or (1, 1)
            return dataset.shape[::-1]

    def blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        import h5py

        transposed = not self._in_columns
        stored = self.shape[::-1] if transposed else self.shape
        height, width = _block_shape(stored, self._chunks, whole=0 if transposed else 1)
        with _damage_named(self.path), h5py.File(self.path, "r") as file:
            dataset = file[self._variable]
            for row in range(0, stored[0], height):
                for column in range(0, stored[1], width):
                    block = dataset[row : row + height, column : column + width]
                    yield (column, row, block.T) if transposed else (row, column, block)


class _Version5Matrix(_MatlabMatrix):
    def _shape(self) -> tuple[int, ...]:
        io = _imported("scipy.io", self.path)
        with _damage_named(self.path):
            found = {name: (shape, kind) for name, shape, kind in io.whosmat(self.path)}
        self._check_names(list(found))
        shape, kind = found[self._variable]
        self._check_real(kind in _REAL)
        return shape

    def blocks(self) -> Iterator[tuple[int, int, np.ndarray]]:
        import scipy.io

        with _damage_named(self.path):
            variables = scipy.io.loadmat(self.path, variable_names=[self._variable])
        values = variables[self._variable]
        self._check_real(values.dtype.kind in "fiu")
        values = values.T if self._in_columns else values
        step = max(1, BLOCK_VALUES // self.shape[1])
        for first in range(0, len(values), step):
            yield first, 0, values[first : first + step]


def _block_shape(stored: Sequence[int], chunks: Sequence[int], whole: int) -> list[int]:
    """Returns the shape of blocks of whole chunks, so that no chunk is read twice.

    A block has about `BLOCK_VALUES` values, and all of the axis `whole` if possible.
    """
    other = 1 - whole
    shape = [0, 0]
    shape[other] = max(1, BLOCK_VALUES // stored[whole] // chunks[other]) * chunks[other]
    shape[whole] = max(1, BLOCK_VALUES // shape[other] // chunks[whole]) * chunks[whole]
    return shape


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turns an error of the libraries into a ValueError that names the file."""
    try:
        yield
    except Exception as error:  # the libraries raise a dozen kinds
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        raise ValueError(f"{path}: not a .mat file, cut off or damaged ({error!s:.200})") from error


def _imported(module: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f"{path} needs {package}: pip install {package}") from error
