"""Your own data: a table with a row for each pair of an image and a text."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.datasets.own.hashed_splits import in_split, split_named
from tb_keras.datasets.own.same_pictures import first_of_same, picture_name
from tb_keras.datasets.own.table_boxes import box_columns, boxes_corpus, row_box
from tb_keras.datasets.own.table_file import TableFile
from tb_keras.datasets.own.table_rows import IMAGE_COLUMNS, TableRow, open_table


def load_table(
    directory: str | os.PathLike,
    split: str = "all",
    image_column: str | None = None,
    text_column: str = "text",
    language: str | None = None,
    language_column: str | None = "language",
    boxes: bool = False,
    box_unit: str = "pixel",
) -> Corpus:
    r"""Reads a table of image-text pairs, or of phrases with boxes in pictures.

    Rows with the same image path, however it is spelled, are about one image, and so are rows with
    copies of one file. Rows with the same string in the same language are about one text; white
    space around it does not count. So an image may have several texts, and a text several images.

    The column `split` names the part that a row belongs to. Any names will do; "training" and
    "restval" mean "train", and "val", "valid" and "dev" mean "validation", in upper or lower case.
    Without this column, about 80% of the images are "train", 10% "validation" and 10% "test", by a
    hash of their paths in the table. With three images or more, none of these is empty. All columns
    that are not named here are ignored.

    Args:
        directory: the file: `.csv` or `.tsv` with a header, `.jsonl` with an object on each line,
            all of these in UTF-8, or `.parquet`, which needs pyarrow.
        split: the part to read, or "all".
        image_column: the column of the picture files, whose paths are relative to the table's
            folder. The default is `image` or `image_path`.
        text_column: the column of the texts.
        language: the language of all texts, which becomes the text attribute "language".
        language_column: the column of each text's language, which becomes the same attribute if the
            table has the column. None ignores it.
        boxes: bool, whether to read phrases with boxes, for localization. A box is in the columns
            `x_min`, `y_min`, `x_max` and `y_max`, or in a column `box` as a list of these four, in
            pixels of the picture as viewers show it, turned as its EXIF block says. A row without a
            box is a phrase without one.
        box_unit: "pixel", or "share" if boxes are in shares of the picture's width and height, from
            0 to 1.

    Returns:
        Without `boxes`, a `Corpus` of `image_paths` and `texts` in the order of the rows.

        With `boxes`, a `Corpus` with `grounding`. Its images are the boxes, and its texts are the
        phrases. Equal boxes in a picture are one region, and rows with the same picture and text
        are one phrase. It matches the boxes of all its rows, and its true box is their union. Boxes
        are cut off at the border of the picture. Images and texts have the attribute "picture", the
        picture's path in the table.

    Raises:
        FileNotFoundError: if the table or a picture is not there.
        ValueError: if the file has another type or is empty, damaged or not in UTF-8, a column is
            missing, a text is empty, an image is in two splits, a box is wrong or outside its
            picture, or, with `boxes`, a picture cannot be opened. The message names the line.
        ImportError: if the table is a Parquet file and pyarrow is not installed.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "dog.png").write_bytes(b"a picture")
        >>> _ = (folder / "pairs.csv").write_text("image,text\ndog.png,a dog\ndog.png,a pet\n")
        >>> load_table(folder / "pairs.csv")
        Corpus(1 images, 2 texts, 2 pairs; image_paths, texts)
    """
    if box_unit not in ("pixel", "share"):
        raise ValueError(f"`box_unit` must be 'pixel' or 'share'. Received: box_unit={box_unit!r}")
    table = open_table(Path(directory))
    # A script takes the name of a column "0" for a number.
    image_column = None if image_column is None else str(image_column)
    text_column, language = str(text_column), None if language is None else str(language)
    language_column = None if language_column is None else str(language_column)
    rows = _read(table, image_column, text_column, language, language_column, boxes)
    rows = _of_split(table.path, rows, split)
    folder = table.path.parent
    corpus = boxes_corpus(folder, rows, box_unit) if boxes else _pairs_corpus(folder, rows)
    if language is not None:
        attributes = {**corpus.text_attributes, "language": [language] * corpus.num_texts}
        return corpus.replace(text_attributes=attributes)
    return corpus


def _read(
    table: TableFile,
    image_column: str | None,
    text_column: str,
    language: str | None,
    language_column: str | None,
    boxes: bool,
) -> list[TableRow]:
    if not table.columns:
        raise ValueError(f"{table.path} has no rows")
    image_column = _image_column(table) if image_column is None else image_column
    for column in (image_column, text_column):
        if column not in table.columns:
            columns = ", ".join(map(repr, table.columns))
            raise ValueError(f"{table.path}: no column {column!r}, there are {columns}")
    box = box_columns(table) if boxes else ()
    language_column = language_column if language_column in table.columns else None
    if language is not None and language_column is not None:
        raise ValueError(
            f"`language` must be left out where {table.path} has the column {language_column!r}; "
            f"`language_column=None` ignores it. Received: language={language!r}"
        )
    needed = (image_column, text_column, "split", language_column, *box)
    has_split = "split" in table.columns
    rows = []
    for where, row in table.rows([column for column in needed if column is not None]):
        if has_split != ("split" in row):
            raise ValueError(f"{where}: either all rows or none must have 'split'")
        rows.append(
            TableRow(
                where,
                _picture(where, row, image_column, table.path.parent),
                _string(where, row, text_column),
                split_named(_string(where, row, "split")) if has_split else None,
                None if language_column is None else _string(where, row, language_column),
                row_box(where, row, box) if boxes else None,
            )
        )
    return rows


def _of_split(path: Path, rows: list[TableRow], split: str) -> list[TableRow]:
    """Returns the rows of a split. Checks that no image is in two, and makes copies one image."""
    if not rows:
        raise ValueError(f"{path} has no rows")
    splits: dict[str, str | None] = {}
    for row in rows:
        if splits.setdefault(row.image, row.split) != row.split:
            raise ValueError(
                f"{row.where}: {row.image!r} is in {row.split!r}, before in {splits[row.image]!r}"
            )
    firsts = first_of_same(path.parent, splits)
    images, first_images = list(splits), list(firsts.values())
    named = None if rows[0].split is None else list(map(str, splits.values()))
    chosen = dict(zip(images, in_split(split, named, first_images, path)))
    if named is not None:
        _warn_of_copies_in_splits(path, splits, firsts)
    kept: dict[str, str] = {}
    rows = [row for row in rows if chosen[row.image]]
    for row in rows:
        if firsts[row.image] not in kept:
            kept[firsts[row.image]] = row.image
            if not os.path.isfile(path.parent / row.image):
                raise FileNotFoundError(f"{row.where}: there is no picture {row.image!r:.300}")
    return [row._replace(image=kept[firsts[row.image]]) for row in rows]


def _warn_of_copies_in_splits(
    path: Path, splits: Mapping[str, str | None], firsts: Mapping[str, str]
) -> None:
    apart = [image for image, first in firsts.items() if splits[image] != splits[first]]
    if apart:
        image, first = apart[0], firsts[apart[0]]
        warnings.warn(
            f"{path}: {len(apart)} pictures are in one split and a copy of them in another, such "
            f"as {first!r} in {splits[first]!r} and {image!r} in {splits[image]!r}",
            stacklevel=2,
        )


def _pairs_corpus(folder: Path, rows: list[TableRow]) -> Corpus:
    images: dict[str, int] = {}
    texts: dict[tuple[str, str | None], int] = {}
    pairs = [
        (
            images.setdefault(row.image, len(images)),
            texts.setdefault((row.text, row.language), len(texts)),
        )
        for row in rows
    ]
    languages = [] if rows[0].language is None else [language for _, language in texts]
    return Corpus(
        Matches(pairs, len(images), len(texts)),
        image_paths=[str(folder / image) for image in images],
        texts=[text for text, _ in texts],
        text_attributes={"language": languages} if languages else {},
    )


def _image_column(table: TableFile) -> str:
    found = [column for column in IMAGE_COLUMNS if column in table.columns]
    if len(found) > 1:
        raise ValueError(
            f"{table.path} has both {found[0]!r} and {found[1]!r}: name one as `image_column`"
        )
    return found[0] if found else IMAGE_COLUMNS[0]


def _string(where: str, row: dict, column: str) -> str:
    value = row.get(column)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            f"{where}: {column!r} must be a string that is not empty. Received: {value!r:.80}"
        )
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: {column!r} is no text in UTF-8 ({error.reason})") from None
    return value.strip()


def _picture(where: str, row: dict, column: str, folder: Path) -> str:
    written = row[column] if _string(where, row, column) else ""
    if "://" in written:
        raise ValueError(
            f"{where}: a picture must be a file; img2dataset downloads many. "
            f"Received: {written!r:.200}"
        )
    return picture_name(folder, written)
