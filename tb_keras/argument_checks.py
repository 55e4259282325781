"""Checks of arguments that several rooms take."""

from __future__ import annotations

import numpy as np


def check_int(argument: str, value: int, least: int) -> None:
    """Raises a ValueError unless `value` is an int of at least `least`.

    Example:

    >>> check_int("epochs", 0, least=1)
    Traceback (most recent call last):
    ValueError: `epochs` must be a positive int. Received: epochs=0
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        kinds = {0: "a non-negative int", 1: "a positive int"}
        kind = kinds.get(least, f"an int of at least {least}")
        raise ValueError(f"`{argument}` must be {kind}. Received: {argument}={value!r}")
