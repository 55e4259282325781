"""Tables whose rows are phrases with boxes in pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
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


def boxes_corpus(folder: Path, rows: Sequence[TableRow]) -> Corpus:
    """Returns the corpus of rows that are phrases with boxes.

    Raises:
        ValueError: if a picture cannot be opened, or a box lies outside its picture.
    """
    gathered = GroundedPictures()
    pictures: dict[str, int] = {}
    regions: dict[tuple, int] = {}
    phrases: dict[tuple, list[int]] = {}
    for row in rows:
        if row.image not in pictures:
            path = folder / row.image
            pictures[row.image] = gathered.add_picture(path, _picture_size(row.where, path))
        phrase = phrases.setdefault((row.image, row.text, row.language), [])
        if row.box is not None:
            key = (row.image, *row.box)
            if key not in regions:
                regions[key] = gathered.add_region(
                    pictures[row.image], row.box, row.where, picture=row.image
                )
            phrase.append(regions[key])
    for (image, text, language), own in phrases.items():
        spoken = {} if language is None else {"language": language}
        gathered.add_phrase(pictures[image], text, own, picture=image, **spoken)
    return gathered.corpus()


def _picture_size(where: str, path: Path) -> tuple[int, int]:
    from PIL import Image

    try:
        with Image.open(path) as picture:  # reads the header only
            return picture.size
    except OSError as error:
        raise ValueError(f"{where}: {str(path)!r} is not a picture ({error})") from error
