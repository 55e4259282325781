"""The embeddings of an index on disk: rows that are added, and read by memory map."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from tb_keras.search.index import highest_rows
from tb_keras.search.kept.codes import CODED_DTYPES, DecodedRows, coded
from tb_keras.search.searchable import check_norms
from tb_keras.storage.growing_matrix import GrowingMatrix
from tb_keras.storage.mapped_rows import read_ahead
from tb_keras.storage.numpy_files import open_array

DTYPES = ("float32", "float16", *CODED_DTYPES)
_BLOCK_ROWS = 8192  # copied or checked at a time


class EmbeddingRows(NamedTuple):
    """The files of some embeddings, whose number of rows is kept elsewhere.

    Rows beyond that number are what a killed process left. They are overwritten.

    Attributes:
        path: of the files, without their ending.
        dtype: `"float32"` or `"float16"`, or `"int8"` or `"binary"`: codes to search in, beside
            float32 that the answers are scored by.
    """

    path: Path
    dtype: str

    def write(self, row: int, embeddings: np.ndarray) -> None:
        """Writes finite float32 `(n, dim)` durably, from a row on.

        Raises:
            ValueError: if `dtype` has no room for them.
        """
        is_coded = self.dtype in CODED_DTYPES
        with np.errstate(over="ignore"):
            rows = embeddings.astype("float32" if is_coded else self.dtype)
        check_norms("embeddings", rows)
        _written(self._file, row, rows)
        if is_coded:
            _written(self._codes_file, row, coded(rows, self.dtype))

    def opened(self, num_rows: int) -> OpenedRows:
        """Opens the first rows by memory map.

        Raises:
            FileNotFoundError: if they are not there.
            ValueError: if there are fewer.
        """
        if not num_rows:
            return OpenedRows(np.zeros((0, 0), np.float32), None)
        rows = _mapped(self._file, num_rows)
        codes = _mapped(self._codes_file, num_rows) if self.dtype in CODED_DTYPES else None
        return OpenedRows(rows, codes)

    def copy_to(self, other: EmbeddingRows, rows: np.ndarray) -> None:
        """Writes some rows as the first of other files."""
        source = self.opened(rows[-1] + 1).floats if len(rows) else None
        for start in range(0, len(rows), _BLOCK_ROWS):
            other.write(start, np.asarray(source[rows[start : start + _BLOCK_ROWS]], np.float32))

    def delete(self) -> None:
        """Deletes the files. What others have opened they can still read."""
        self._file.unlink(missing_ok=True)
        self._codes_file.unlink(missing_ok=True)

    @property
    def _file(self) -> Path:
        return self.path.with_suffix(".npy")

    @property
    def _codes_file(self) -> Path:
        return self.path.with_suffix(f".{self.dtype}.npy")


class OpenedRows(NamedTuple):
    """Embeddings that can be searched.

    Attributes:
        floats: float32 or float16 `(n, dim)`, a memory map.
        codes: as `coded` returns them, a memory map; None if the floats are searched.
    """

    floats: np.ndarray
    codes: np.ndarray | None

    def search(self, queries: np.ndarray, k: int, rows: np.ndarray) -> np.ndarray:
        """Returns int64 `(q, k)` rows: the best of some, ascending, by float or code."""
        searched = self.floats
        if self.codes is not None:
            searched = DecodedRows(self.codes, self.floats.shape[1])
        return highest_rows(searched, queries, k, rows)[1]

    def scores(self, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Returns the float32 `(q, c)` dot products of each query with rows of its own."""
        scores = np.empty(rows.shape, np.float32)
        step = max(1, _BLOCK_ROWS // max(1, rows.shape[1]))
        for start in range(0, len(rows) if rows.size else 0, step):
            some = slice(start, start + step)
            distinct, places = np.unique(rows[some], return_inverse=True)
            read_ahead(self.floats, distinct)
            vectors = self.floats[distinct].astype(np.float32)[places.reshape(rows[some].shape)]
            scores[some] = (vectors @ queries[some, :, None])[..., 0]
        return scores

    def wrong_row(self, rows: np.ndarray, dtype: str) -> tuple[int, str] | None:
        """Returns the first of some rows with something wrong, and what; None if all are right."""
        for start in range(0, len(rows), _BLOCK_ROWS):
            some = rows[start : start + _BLOCK_ROWS]
            floats = self.floats[some].astype(np.float32)
            with np.errstate(over="ignore", invalid="ignore"):
                finite = np.isfinite(np.einsum("nd,nd->n", floats, floats))
            if not finite.all():
                return int(some[finite.argmin()]), "is not finite"
            if self.codes is not None:
                same = (coded(floats, dtype) == self.codes[some]).all(axis=1)
                if not same.all():
                    return int(some[same.argmin()]), f"has another {dtype} code"
        return None


def _written(file: Path, row: int, rows: np.ndarray) -> None:
    with GrowingMatrix(file, rows.dtype) as matrix:
        matrix.write(row, rows)
        matrix.commit()


def _mapped(file: Path, num_rows: int) -> np.ndarray:
    rows = open_array(file)
    if len(rows) < num_rows:
        raise ValueError(f"{file} must have {num_rows} rows. Received: {len(rows)}")
    return rows[:num_rows]
