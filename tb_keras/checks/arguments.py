"""Checks of arguments."""

from __future__ import annotations

import numpy as np


def first_false(right: np.ndarray) -> int | None:
    """Returns the first row of bool `(n,)` that is false, or None if all are true.

    Examples:
        >>> first_false(np.isfinite([[0.0, 1.0], [np.nan, 1.0]]).all(axis=1))
        1
    """
    return None if right.all() else int(np.argmin(right))


def check_int(argument: str, value: int | None, least: int, optional: bool = False) -> None:
    """Raises a ValueError unless `value` is an int of at least `least`, or None if `optional`.

    Examples:
        >>> check_int("epochs", 0, least=1)
        Traceback (most recent call last):
        ValueError: `epochs` must be a positive int. Received: epochs=0
    """
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        kinds = {0: "a non-negative int", 1: "a positive int"}
        kind = kinds.get(least, f"an int of at least {least}")
        kind += " or None" if optional else ""
        raise ValueError(f"`{argument}` must be {kind}. Received: {argument}={value!r:.80}")


def check_rows(argument: str, rows: np.ndarray, size: int) -> None:
    """Raises a ValueError unless all `rows` are in [0, size).

    Examples:
        >>> check_rows("image_rows", np.array([0, 3]), 3)
        Traceback (most recent call last):
        ValueError: `image_rows` must hold rows in [0, 3). Received: 3
    """
    wrong = rows[(rows < 0) | (rows >= size)]
    if len(wrong):
        raise ValueError(f"`{argument}` must hold rows in [0, {size}). Received: {wrong[0]}")
