"""NumPy files, opened with errors that name the file."""

from __future__ import annotations

import sys
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

# What NumPy raises where a header is damaged; it reads it as Python's literals.
DAMAGES = (
    ValueError,
    EOFError,
    TypeError,
    OverflowError,
    SyntaxError,
    MemoryError,
    RecursionError,
    tokenize.TokenError,
)


def open_array(path: Path) -> np.ndarray:
    """Opens a `.npy` file as a read-only memory map.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not a `.npy` file, is cut off or holds Python objects.
    """
    try:
        return _checked(np.lib.format.open_memmap(path, mode="r"))
    except DAMAGES as error:
        raise ValueError(
            f"{path}: not a .npy file of plain values, or damaged ({error!s:.200})"
        ) from error


def read_archive(path: Path) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.npz` file.

    Returns:
        dict of name → array.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not a `.npz` file, is damaged or holds Python objects.
    """
    try:
        with path.open("rb") as file:  # NumPy does not close a file that is not an archive
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("a single array")
            return {name: _checked(archive[name]) for name in archive.files}
    except (*DAMAGES, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"{path}: not a .npz file of plain values, or damaged ({error!s:.200})"
        ) from error


def _checked(array: np.ndarray) -> np.ndarray:
    """Returns an array, unless it has strings that cannot be made to Python's."""
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        letters = np.ascontiguousarray(array).view(array.dtype.str[0] + "u4")
        if letters.max() > sys.maxunicode:
            raise ValueError("a string has letters that Unicode does not have")
    return array
