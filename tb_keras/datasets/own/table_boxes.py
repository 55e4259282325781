"""Tables whose rows are phrases with boxes in pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.upright_pictures import upright_size
from tb_keras.datasets.grounded_pictures import GroundedPictures
from tb_keras.datasets.own.table_file import TableFile
from tb_keras.datasets.own.table_rows import TableRow

_SIDES = ("x_min", "y_min", "x_max", "y_max")
_BOX = "box"


def box_columns(table: TableFile) -> tuple[str, ...]:
    """Returns the columns of the boxes: four columns of sides, or one column of lists.

    Raises:
        ValueError: if the table has neither or both.
    """
    sides = [column for column in _SIDES if column in table.columns]
    if (_BOX in table.columns) == (len(sides) == len(_SIDES)) or 0 < len(sides) < len(_SIDES):
        columns = ", ".join(map(repr, table.columns))
        raise ValueError(
            f"{table.path}: `boxes` needs either the columns {', '.join(map(repr, _SIDES))} or the "
            f"column {_BOX!r}, there are {columns}"
        )
    return tuple(sides) or (_BOX,)


def row_box(where: str, row: dict, columns: Sequence[str]) -> list[float] | None:
    """Returns the box of a row, xyxy in pixels, or None if its fields are empty.

    Raises:
        ValueError: if it is not four finite numbers.
    """
    values = [row.get(column) for column in columns]
    if columns == (_BOX,):
        values = values[0] if isinstance(values[0], list) else values
    if all(value is None or value == "" for value in values):
        return None
    try:
        box = [float(value) for value in values]
        if len(box) == len(_SIDES) and all(map(math.isfinite, box)):
            return box
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"{where}: a box must be four finite numbers, xyxy. Received: {values!r:.80}")


def boxes_corpus(folder: Path, rows: Iterable[TableRow], unit: str = "pixel") -> Corpus:
    """Returns the corpus of rows that are phrases with boxes.

    Args:
        folder: the folder that the pictures' paths are relative to.
        rows: the rows.
        unit: "pixel", or "share" for boxes in shares of the picture's width and height.

    Raises:
        ValueError: if a picture cannot be opened, or a box lies outside its picture or is in
            another unit.
    """
    gathered = GroundedPictures()
    pictures: dict[str, int] = {}
    sizes: dict[str, tuple[int, int]] = {}
    regions: dict[tuple, int] = {}
    phrases: dict[tuple, list[int]] = {}
    for row in rows:
        if row.image not in pictures:
            path = folder / row.image
            sizes[row.image] = _picture_size(row.where, path)
            pictures[row.image] = gathered.add_picture(path, sizes[row.image])
        phrase = phrases.setdefault((row.image, row.text, row.language), [])
        if row.box is not None:
            box = _in_pixels(row, sizes[row.image], unit)
            key = (row.image, *box)
            if key not in regions:
                regions[key] = gathered.add_region(
                    pictures[row.image], box, row.where, picture=row.image
                )
            phrase.append(regions[key])
    for (image, text, language), own in phrases.items():
        spoken = {} if language is None else {"language": language}
        gathered.add_phrase(pictures[image], text, own, picture=image, **spoken)
    return gathered.corpus()


def _picture_size(where: str, path: Path) -> tuple[int, int]:
    try:
        return upright_size(path)
    except OSError as error:
        raise ValueError(f"{where}: {str(path)!r} is not a picture ({error})") from error


def _in_pixels(row: TableRow, size: tuple[int, int], unit: str) -> list[float]:
    """Returns a row's box in pixels."""
    are_shares = all(0 <= side <= 1 for side in row.box)
    if unit == "share":
        if not are_shares:
            raise ValueError(
                f"{row.where}: a box must be in shares of the picture's sides, from 0 to 1. "
                f"Received: {row.box!r:.80}"
            )
        return [share * side for share, side in zip(row.box, (*size, *size))]
    if are_shares and max(size) > 1:
        raise ValueError(
            f"{row.where}: a box must be in pixels, but this one is within a pixel; boxes in "
            "shares of the sides need box_unit='share' (--dataset_options=box_unit=share). "
            f"Received: {row.box!r:.80}"
        )
    return row.box
