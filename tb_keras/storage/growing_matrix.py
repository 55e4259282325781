"""A matrix in one .npy file that rows are added to, whole at any moment."""

from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path

import numpy as np

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.numpy_files import DAMAGES


class GrowingMatrix:
    """A matrix on disk that is written row by row, and that `np.load` can read at any moment.

    The file's header gives the number of rows and is written last. What a killed process wrote
    after those rows does not count and is overwritten.

    Args:
        path: the `.npy` file. If it does not exist, it is made with the first rows.
        dtype: dtype of a new file; that of the first rows if left out.

    Attributes:
        num_rows: number of rows, also of those not committed yet.
        dtype: dtype of the file, None before the first rows.

    Raises:
        ValueError: the file is no matrix, or is shorter than its header says.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "rows.npy"
        >>> with GrowingMatrix(path, "float16") as matrix:
        ...     matrix.write(0, np.ones((2, 3)))
        ...     matrix.write(1, np.zeros((2, 3)))  # over the second row, and a third
        ...     matrix.commit()
        >>> np.load(path).tolist()
        [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, path: str | os.PathLike, dtype: str | np.dtype | None = None):
        self.path, self.num_rows = Path(path), 0
        self.dtype = None if dtype is None else np.dtype(dtype)
        self._file: io.BufferedRandom | None = None
        if self.path.exists():
            self._open()

    def write(self, row: int, block: np.ndarray) -> None:
        """Writes rows `(b, columns)` from row number `row` on, over old rows or after the last."""
        block = np.ascontiguousarray(block, self.dtype)
        if self._file is None:
            self.dtype = block.dtype
            with written_beside(self.path) as beside:
                beside.write_bytes(self._header(0, block.shape[1]))
            self._open()
        if row > self.num_rows or block.shape[1] != self.num_columns:
            raise ValueError(
                f"`block` must have {self.num_columns} columns and begin at most at row "
                f"{self.num_rows}. Received: shape={block.shape} at row {row}"
            )
        self._file.seek(self._start + row * self._row_bytes)
        self._file.write(block.data)
        self.num_rows = max(self.num_rows, row + len(block))

    def commit(self) -> None:
        """Makes all that was written durable: the rows first, then the header that counts them."""
        if self._file is not None:
            self._synchronize()
            self._file.seek(0)
            self._file.write(self._header(self.num_rows, self.num_columns))
            self._synchronize()

    def truncate(self, num_rows: int) -> None:
        """Keeps only the first rows."""
        if num_rows < self.num_rows:
            self.num_rows = num_rows
            self.commit()  # the header first: a file must not be shorter than it says
            self._file.truncate(self._start + num_rows * self._row_bytes)

    def close(self) -> None:
        """Closes the file; rows that are not committed are lost."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> GrowingMatrix:
        return self

    def __exit__(self, *exception) -> None:
        self.close()

    def _open(self) -> None:
        with contextlib.ExitStack() as stack:  # closes the file if it is refused
            self._file = stack.enter_context(self.path.open("r+b"))
            self._read_header()
            stack.pop_all()

    def _read_header(self) -> None:
        try:
            np.lib.format.read_magic(self._file)  # raises where it is no .npy file
            header = np.lib.format.read_array_header_1_0(self._file)
        except DAMAGES as error:
            raise ValueError(f"{self.path} is damaged ({error!s:.200})") from error
        shape, fortran_order, self.dtype = header
        if len(shape) != 2 or fortran_order:
            raise ValueError(f"{self.path} must be a matrix in C order. Received: shape={shape}")
        self.num_rows, self.num_columns = shape
        self._start, self._row_bytes = self._file.tell(), shape[1] * self.dtype.itemsize
        expected = self._start + self.num_rows * self._row_bytes
        if self.path.stat().st_size < expected:
            raise ValueError(f"{self.path} is cut off: it must have at least {expected} bytes")

    def _header(self, num_rows: int, num_columns: int) -> bytes:
        # NumPy leaves room for the first number to grow, so the header's length stays the same.
        header = io.BytesIO()
        description = {"descr": self.dtype.str, "fortran_order": False}
        shape = {"shape": (num_rows, num_columns)}
        np.lib.format.write_array_header_1_0(header, {**description, **shape})
        return header.getvalue()

    def _synchronize(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
