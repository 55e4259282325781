"""Checks of what is added to an index: identifiers and attributes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Value = float | int | str | None
Columns = Mapping[str, Sequence[Any]]

_LARGEST_INT = 2**63 - 1


def checked_ids(ids: Sequence[str], count: int, argument: str = "ids") -> list[str]:
    """Returns identifiers as a list.

    Raises:
        ValueError: if there are more or fewer than `count`, two are equal, or one is no string of
            UTF-8, or empty. The message names the argument.

    Examples:
        >>> checked_ids(["a", "a"], 2)
        Traceback (most recent call last):
        ValueError: `ids` must be distinct. Received: 'a' twice
    """
    if isinstance(ids, str) or len(ids) != count:
        received = repr(ids)[:80] if isinstance(ids, str) else len(ids)
        raise ValueError(f"`{argument}` must be {count} strings. Received: {received}")
    seen = set()
    for name in ids:
        if not _is_text(name) or not name:
            raise ValueError(
                f"`{argument}` must be strings of UTF-8, none empty. Received: {name!r:.80}"
            )
        if name in seen:
            raise ValueError(f"`{argument}` must be distinct. Received: {name!r:.80} twice")
        seen.add(name)
    return list(ids)


def absolute_paths(paths: Sequence[str | os.PathLike]) -> list[str]:
    """Returns the paths, made absolute.

    Raises:
        ValueError: if `paths` are one string, or one is no UTF-8.
    """
    if isinstance(paths, str):
        raise ValueError(f"`paths` must be a sequence of strings. Received: {paths!r:.80}")
    absolute = [os.path.abspath(path) for path in paths]
    for path in absolute:
        if not _is_text(path):
            raise ValueError(f"`paths` must be strings of UTF-8. Received: {path!r:.200}")
    return absolute


def checked_columns(
    attributes: Columns, count: int, types: Mapping[str, str]
) -> tuple[dict[str, list[Value]], dict[str, str]]:
    """Returns attributes as columns that have at least one value, and the type of each.

    Args:
        attributes: `count` values by name: numbers, strings or None. NaN stands for None.
        count: how many items there are.
        types: the types of the attributes that the index has already.

    Raises:
        ValueError: if a column has another length, numbers and strings at once, a value that is
            neither, or values of another type than it has had. The message names the column.

    Examples:
        >>> checked_columns({"year": [2019, None], "empty": [None, None]}, 2, {})
        ({'year': [2019, None]}, {'year': 'number'})
    """
    columns, found = {}, {}
    for name, values in attributes.items():
        if not _is_text(name) or not name:
            raise ValueError(f"`attributes` must have strings as names. Received: {name!r:.80}")
        if isinstance(values, str) or len(values) != count:
            raise ValueError(
                f"`attributes` must have {count} values in each column. Received: "
                f"{len(values)} in {name!r:.80}"
            )
        column = [_checked_value(name, value) for value in values]
        kinds = {"text" if isinstance(v, str) else "number" for v in column if v is not None}
        kinds |= {types[name]} if name in types else set()
        if len(kinds) > 1:
            had = f", which is a {types[name]}" if name in types else ""
            raise ValueError(
                f"`attributes` must be either numbers or texts. Received: both in {name!r:.80}{had}"
            )
        if kinds:
            columns[name], (found[name],) = column, kinds
    return columns, found


def _checked_value(name: str, value: Any) -> Value:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, str) and _is_text(value):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST_INT:
        return int(value)
    raise ValueError(
        f"`attributes` must be finite numbers, strings of UTF-8 or None. Received: {value!r:.80} "
        f"in {name!r:.80}"
    )


def _is_text(value: Any) -> bool:
    """Returns whether a value is a string that a database keeps as it is."""
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
