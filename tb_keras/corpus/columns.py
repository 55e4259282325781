"""Checks of columns: values that come one for each image, text, region or picture."""

from __future__ import annotations

from collections.abc import Sequence, Sized


def check_length(argument: str, values: Sized, size: int, other: str) -> None:
    """Raises a ValueError unless there are `size` values, as many as `other` has."""
    if len(values) != size:
        raise ValueError(
            f"`{argument}` must have {size} rows, as `{other}`. Received: {len(values)}"
        )


def check_strings(argument: str, strings: Sequence[str]) -> None:
    """Raises a ValueError unless all values are strings.

    Examples:
        >>> check_strings("texts", ["a dog", 3])
        Traceback (most recent call last):
        ValueError: `texts` must hold strings. Received: 3 in row 1
    """
    if isinstance(strings, str):
        raise ValueError(f"`{argument}` must be a sequence of strings. Received: {strings!r:.80}")
    for row, string in enumerate(strings):
        if not isinstance(string, str):
            raise ValueError(
                f"`{argument}` must hold strings. Received: {string!r:.80} in row {row}"
            )
