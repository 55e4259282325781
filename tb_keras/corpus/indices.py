"""Checks of indices of images and texts, and their renumbering in a subset."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import first_false


def checked_indices(
    argument: str, indices: ArrayLike | None, size: int, lowest: int = -1
) -> np.ndarray:
    """Returns indices as int64 `(r,)`, all of `range(size)` for None.

    Raises:
        ValueError: if they are no int array of rank 1, or one lies outside [lowest, size).
    """
    if indices is None:
        return np.arange(size)
    array = np.asarray(indices)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise ValueError(
            f"`{argument}` must be an int array of rank 1. "
            f"Received: shape={array.shape}, dtype={array.dtype}"
        )
    check_range(argument, array, lowest, size, "indices", "position")
    return array.astype(np.int64, copy=False)


def check_range(
    argument: str, array: np.ndarray, lowest: int, size: int, what: str, where: str
) -> None:
    """Raises a ValueError that names the first value outside [lowest, size)."""
    first = first_false((array >= lowest) & (array < size))
    if first is not None:
        raise ValueError(
            f"`{argument}` must hold {what} in [{lowest}, {size}). "
            f"Received: {array[first]} in {where} {first}"
        )


def renumbering(argument: str, indices: ArrayLike, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns distinct indices, and the new number of each old one.

    Returns:
        The indices, int64 `(r,)`, and int32 `(size,)`: the place of each index among them, -1 where
        it is not there.

    Raises:
        ValueError: if an index lies outside [0, size) or comes twice.

    Examples:
        >>> renumbering("texts", [2, 0], size=4)[1]
        array([ 1, -1,  0, -1], dtype=int32)
    """
    indices = checked_indices(argument, indices, size, lowest=0)
    places = np.arange(len(indices), dtype=np.int32)
    new = np.full(size, -1, np.int32)
    new[indices] = places
    first = first_false(new[indices] == places)
    if first is not None:
        raise ValueError(
            f"`{argument}` must hold distinct indices. "
            f"Received: {indices[first]} in position {first} and again"
        )
    return indices, new
