"""The NumPy files of your own features, with their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tb_keras.datasets.formats.matrix_cache import BLOCK_VALUES, NumpyMatrix, memory_map
from tb_keras.datasets.formats.text_files import read_text
from tb_keras.storage.numpy_files import open_array, read_archive

_FEATURES = "features"


class ArrayFiles:
    """The features of images or texts, and their columns.

    The features are in `KIND.npy`, and the columns in `KIND.NAME.npy` or `KIND.NAME.txt`. Or all of
    them are in `KIND.npz`.

    Args:
        directory: the folder of the files.
        kind: "images" or "texts".

    Attributes:
        path: the file of the features.
        features: the features, a memory map if the file is `KIND.npy`.
        ids: the distinct ids; the numbers of the rows if there is no such column.

    Raises:
        FileNotFoundError: if there is neither `KIND.npy` nor `KIND.npz`.
        ValueError: if there are both, a file is damaged, or an id comes twice.
    """

    def __init__(self, directory: Path, kind: str):
        self._directory, self._kind = directory, kind
        self.path = self._file("") or directory / f"{kind}.npy"
        self._archive = read_archive(self.path) if self.path.suffix == ".npz" else None
        if self._archive is None:
            self.features = open_array(self.path)
        elif _FEATURES in self._archive:
            self.features = self._archive[_FEATURES]
        else:
            known = ", ".join(map(repr, self._archive)) or "nothing"
            raise ValueError(f"{self.path}: there is no {_FEATURES!r}, but {known:.300}")
        if self.features.ndim != 2 or not len(self.features):
            raise ValueError(
                f"{self.path}: features must be a matrix. Received: shape={self.features.shape}"
            )
        ids = self.column("ids")
        self.ids: Sequence[int | str] = range(len(self.features)) if ids is None else ids.tolist()
        self._row_of = {str(id): row for row, id in enumerate(self.ids)}
        if len(self._row_of) < len(self.ids):
            row = next(row for row, id in enumerate(self.ids) if self._row_of[str(id)] != row)
            raise ValueError(
                f"{self.where('ids')}: the id {self.ids[row]!r:.80} comes twice, first in row {row}"
            )

    def where(self, name: str) -> str:
        """Returns the file of a column, for error messages."""
        file = self._file(f".{name}")
        return f"{self.path}, {name!r:.80}" if file is None else str(file)

    def column(self, name: str) -> np.ndarray | None:
        """Returns a column of ints or strings, None if there is none.

        Raises:
            ValueError: if it is damaged, has another type or length, or is in two files.
        """
        file = self._file(f".{name}")
        inside = None if self._archive is None else self._archive.get(name)
        if file is not None and inside is not None:
            raise ValueError(f"{name!r:.80} must be in one file. Received: '{file}', '{self.path}'")
        if file is None:
            values = inside
        elif file.suffix == ".txt":
            values = np.array(read_text(file).removesuffix("\n").split("\n"))
        else:
            values = open_array(file)
        if values is None:
            return None
        if values.dtype.kind == "S":
            values = np.char.decode(values, "utf-8")
        if values.ndim != 1 or values.dtype.kind not in "iuU":
            raise ValueError(
                f"{self.where(name)}: expected one int or string a row. "
                f"Received: shape={values.shape}, dtype={values.dtype}"
            )
        if len(values) != len(self.features):
            raise ValueError(
                f"{self.where(name)} must have {len(self.features)} rows, as {self.path}. "
                f"Received: {len(values)}"
            )
        return values

    def strings(self, name: str) -> list[str] | None:
        """Returns a column as strings, None if there is none.

        Raises:
            ValueError: as `column` does, and if a string is empty.
        """
        values = self.column(name)
        if values is None:
            return None
        strings = [str(value) for value in values.tolist()]
        for row, string in enumerate(strings):
            if not string.strip():
                raise ValueError(f"{self.where(name)}: expected a string in row {row}")
        return strings

    def rows_of_ids(self, ids: Sequence[int | str], where: str) -> np.ndarray:
        """Returns the row of each id, int64.

        Args:
            ids: the ids.
            where: the file of the ids, for the error message.

        Raises:
            ValueError: if an id is unknown.
        """
        rows = [self._row_of.get(str(id), -1) for id in ids]
        if -1 in rows:
            row = rows.index(-1)
            raise ValueError(
                f"{where}: no row of {self.path} has the id {ids[row]!r:.80} of row {row}"
            )
        return np.array(rows, np.int64)

    def features_of(self, chosen: np.ndarray) -> np.ndarray:
        """Returns the features of the rows in bool `(n,)`. A large memory map stays one."""
        rows = np.flatnonzero(chosen)
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1:
            return self.features[rows[0] : rows[-1] + 1]
        if self._archive is not None or len(rows) * self.features.shape[1] <= BLOCK_VALUES:
            return self.features[rows]
        return memory_map([NumpyMatrix(self.path, rows)], self.features.dtype)

    def attributes(self, columns: Mapping[str, str], chosen: np.ndarray) -> dict[str, list]:
        """Returns attributes for the rows in bool `(n,)`, from those columns that there are.

        Args:
            columns: dict of an attribute's name → its column.
            chosen: bool `(n,)`.
        """
        found = {name: self.column(column) for name, column in columns.items()}
        return {
            name: values[chosen].tolist() for name, values in found.items() if values is not None
        }

    def attribute(self, name: str, chosen: np.ndarray) -> list[str] | None:
        """Returns a column as strings for the rows in bool `(n,)`, None if there is none."""
        strings = self.strings(name)
        if strings is None:
            return None
        return [strings[row] for row in np.flatnonzero(chosen)]

    def _file(self, column: str) -> Path | None:
        endings = (".npy", ".txt") if column else (".npy", ".npz")
        files = [self._directory / f"{self._kind}{column}{ending}" for ending in endings]
        files = [file for file in files if file.is_file()]
        if len(files) > 1:
            raise ValueError(f"There must be one of '{files[0]}' and '{files[1]}'. Received: both")
        return files[0] if files else None
