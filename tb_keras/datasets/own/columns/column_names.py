"""The usual names of the columns of pictures and texts, and the separators between columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

# A name of an earlier group counts more, so that further columns of a table do no harm.
IMAGE_NAMES = (
    ("image", "image_path"),
    (
        "filepath",
        "file_path",
        "file_name",
        "filename",
        "path",
        "image_file",
        "image_filename",
        "image_name",
        "img",
        "img_path",
        "picture",
        "photo",
        "file",
    ),
    ("url", "image_url", "img_url"),  # which are refused, with a word on how to fetch them
)
TEXT_NAMES = (
    ("text",),
    ("caption", "title", "description", "sentence", "comment", "alt_text", "captions", "texts"),
)
_NUMBERED = re.compile(r"(.*?)([ _-]?)[0-9]+")
_SEPARATORS = (",", ";", "\t", "|")


def is_known(column: str) -> bool:
    """Returns whether a column is called as pictures or texts usually are, or as numbered texts.

    Examples:
        >>> [is_known(column) for column in ("File_Name", "caption_3", "rater")]
        [True, True, False]
    """
    name = column.casefold()
    names = {name for group in (*IMAGE_NAMES, *TEXT_NAMES) for name in group}
    return name in names or numbered_pattern(column) is not None


def numbered_pattern(column: str) -> str | None:
    """Returns `caption_#` for a column of texts such as `caption_3`; None for another column."""
    match = _NUMBERED.fullmatch(column)
    is_text = match and any(match[1].casefold() in group for group in TEXT_NAMES)
    return f"{match[1]}{match[2]}#" if match and is_text else None


def columns_called(columns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Returns the columns with one of some names: as written, or else in upper or lower case."""
    exact = [name for name in names if name in columns]
    return exact or [column for column in columns if column.casefold() in names]


def one_column(path: Path, found: Sequence[str], holds: str) -> str | None:
    """Returns the only column that was found, None if there is none.

    Args:
        path: the table, for error messages.
        found: the columns.
        holds: "image" or "text", what the columns hold.

    Raises:
        ValueError: if there are several.
    """
    if len(found) > 1:
        raise ValueError(
            f"{path} has both {found[0]!r} and {found[1]!r}: name one as `{holds}_column` "
            f"(--columns={holds}={found[0]})"
        )
    return found[0] if found else None


def separator(header: str, usual: str) -> str:
    r"""Returns what separates the columns of a table: a comma, semicolon, tab or pipe.

    Args:
        header: the first line.
        usual: the separator that the file's ending promises. It counts if another one does not
            yield more of the usual names of columns.

    Examples:
        >>> separator("filepath\ttitle", ","), separator("image;text", ","), separator("a,b", ",")
        ('\t', ';', ',')
    """
    separators = [usual, *(mark for mark in _SEPARATORS if mark != usual)]

    def known(mark: str) -> int:
        return sum(is_known(column.strip().strip('"')) for column in header.split(mark))

    best = max(separators, key=lambda mark: (known(mark), mark in header))
    return best if known(best) or usual not in header else usual
