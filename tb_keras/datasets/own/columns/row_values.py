"""The values of a table's row, checked as they are read."""

from __future__ import annotations

import math
from pathlib import Path

from tb_keras.datasets.own.same_pictures import picture_name


def checked_string(where: str, column: str, value: object) -> str:
    """Returns a string without white space around it.

    Args:
        where: the file and line, for error messages.
        column: the value's column, for error messages.
        value: what should be a string.

    Raises:
        ValueError: if it is none, or empty, or cannot be written in UTF-8.
    """
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            f"{where}: {column!r} must be a string that is not empty. Received: {value!r:.80}"
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: {column!r} is no text in UTF-8 ({error.reason})") from None
    return value.strip()


def checked_picture(where: str, column: str, value: object, folder: Path) -> str:
    """Returns the name of a picture: its path from a folder in the shortest spelling.

    Raises:
        ValueError: if the value is no path, or the address of a picture in the web.
    """
    checked_string(where, column, value)
    written = str(value)
    if "://" in written:
        raise ValueError(
            f"{where}: a picture must be a file; img2dataset downloads many. "
            f"Received: {written!r:.200}"
        )
    return picture_name(folder, written)


def checked_texts(where: str, column: str, value: object) -> list[str]:
    """Returns the text of a cell, or the texts of a cell that holds a list.

    Raises:
        ValueError: if one of them is no string or empty, or the list is empty.
    """
    if not isinstance(value, list) or not value:
        return [checked_string(where, column, value)]
    return [checked_string(where, column, text) for text in value]


def checked_group(where: str, column: str, value: object) -> str | None:
    """Returns the name of a group, None where a row has none.

    Raises:
        ValueError: if the value is neither a string nor a number.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, (int, float)):
        return str(value)
    return checked_string(where, column, value)
