"""Your own data: a table with a row for each pair of an image and a text."""

from __future__ import annotations

import os

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.own.archives.hub_dataset import HubDataset, table_path
from tb_keras.datasets.own.columns.table_columns import (
    TableColumns,
    image_column_of,
    named_column,
    text_column_of,
)
from tb_keras.datasets.own.layouts.open_layout import open_layout
from tb_keras.datasets.own.own_table import OwnTable
from tb_keras.datasets.own.table_boxes import box_columns
from tb_keras.datasets.own.table_file import TableFile


def load_table(
    directory: str | os.PathLike | HubDataset,
    split: str = "all",
    image_column: str | None = None,
    text_column: str | None = None,
    language: str | None = None,
    language_column: str | None = "language",
    boxes: bool = False,
    box_unit: str = "pixel",
    split_column: str | None = "split",
    group_column: str | None = "group",
    pictures: str | os.PathLike | None = None,
) -> Corpus:
    r"""Reads a table of image-text pairs, or of phrases with boxes in pictures.

    Rows with the same image path, however it is spelled, are about one image, and so are rows with
    copies of one file. Rows with the same string in the same language are about one text; white
    space around it does not count. So an image may have several texts, and a text several images.

    The column `split` names the part that a row belongs to. Any names will do; "training" and
    "restval" mean "train", and "val", "valid" and "dev" mean "validation", in upper or lower case.
    Without this column, about 80% of the images are "train", 10% "validation" and 10% "test", by a
    hash of their paths in the table. With three images or more, none of these is empty. If there
    are training images but none for validation, a tenth of them becomes that split, by the hash.

    The column `group` names what pictures have in common, such as a product, a patient or a scene.
    Without a column `split`, all pictures of a group are in one split. With it, a warning counts
    the groups that it divides. All columns that are not named here are ignored.

    Args:
        directory: the file: `.csv` or `.tsv` with a header, whatever separates its columns (a
            comma, semicolon, tab or pipe), `.jsonl` with an object on each line, `.json` with a
            list of objects or with captions in MSCOCO's form, all of these in UTF-8, or `.parquet`,
            which needs pyarrow and may hold the pictures themselves, as bytes or as structs of
            `bytes` and `path`. Or the `.tar` archives of a WebDataset. For several archives or
            Parquet files: `shard-{000..009}.tar`. Or a folder: of pictures with `metadata.csv`,
            `metadata.jsonl` or `metadata.parquet`; with one of the tables above, one for each
            split, or shards, there or in a folder `data`; of pictures with a `.txt` file of texts
            beside each; or of folders that are named by what their pictures show. Folders named
            `train`, `validation` and `test`, and tables with such a word in their names, are its
            splits. Or a `datasets.Dataset` of Hugging Face, which is written to the cache directory
            once.
        split: the part to read, or "all".
        image_column: the column of the picture files, whose paths are relative to the table's
            folder. The default is `image` or `image_path`, or else another usual name, such as
            `filepath`, `file_name`, `filename` or `path`.
        text_column: the column of the texts. A cell may hold a list of them. A pattern names
            several columns, of which some may be empty in a row: `*` stands for anything and `#`
            for a number. The default is `text`, or else another usual name, such as `caption` or
            `title`, or numbered columns, such as `caption_1`, `caption_2` and `caption_3`.
        language: the language of all texts, which becomes the text attribute "language".
        language_column: the column of each text's language, which becomes the same attribute if the
            table has the column. None ignores it.
        boxes: bool, whether to read phrases with boxes, for localization. A box is in the columns
            `x_min`, `y_min`, `x_max` and `y_max`, or in a column `box` as a list of these four, in
            pixels of the picture as viewers show it, turned as its EXIF block says. A row without a
            box is a phrase without one.
        box_unit: "pixel", or "share" if boxes are in shares of the picture's width and height, from
            0 to 1.
        split_column: the column of the splits. None ignores it.
        group_column: the column of the groups. None ignores it.
        pictures: the folder that the paths are relative to, if it is not the table's: absolute, or
            relative to the table's. The default for captions in MSCOCO's form is a folder
            `images`, or `NAME` for the file `captions_NAME.json`, there or one folder above.

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
            missing or may be one of two, a text is empty, an image is in two splits or groups, a
            box is wrong or outside its picture, or, with `boxes`, a picture cannot be opened. The
            message names the line.
        ImportError: if the table is a Parquet file and pyarrow is not installed.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "dog.png").write_bytes(b"a picture")
        >>> _ = (folder / "pairs.csv").write_text("image,text\ndog.png,a dog\ndog.png,a pet\n")
        >>> load_table(folder / "pairs.csv")
        Corpus(1 images, 2 texts, 2 pairs; image_paths, texts)
    """
    table = read_table(
        directory,
        image_column=image_column,
        text_column=text_column,
        language=language,
        language_column=language_column,
        boxes=boxes,
        box_unit=box_unit,
        split_column=split_column,
        group_column=group_column,
        pictures=pictures,
    )
    return table.corpus(split)


def read_table(
    directory: str | os.PathLike | HubDataset,
    *,
    image_column: str | None = None,
    text_column: str | None = None,
    language: str | None = None,
    language_column: str | None = "language",
    boxes: bool = False,
    box_unit: str = "pixel",
    split_column: str | None = "split",
    group_column: str | None = "group",
    pictures: str | os.PathLike | None = None,
) -> OwnTable:
    """Reads what `load_table` reads, once for all splits. The arguments are the same.

    Raises:
        FileNotFoundError: if the table or folder is not there.
        ValueError: if it is damaged, or a column is missing. The message names the line.
    """
    if box_unit not in ("pixel", "share"):
        raise ValueError(f"`box_unit` must be 'pixel' or 'share'. Received: box_unit={box_unit!r}")
    table = open_layout(table_path(directory))
    if pictures is not None:
        table.folder = (table.path if table.path.is_dir() else table.path.parent) / str(pictures)
        if not table.folder.is_dir():
            raise FileNotFoundError(f"There is no folder of pictures '{table.folder}'")
    if not table.columns:
        raise ValueError(f"{table.path} has no rows")
    columns = TableColumns(
        image_column_of(table, image_column),
        text_column_of(table, text_column),
        _column(table, split_column, "split"),
        _column(table, language_column, "language"),
        _column(table, group_column, "group"),
        box_columns(table) if boxes else (),
    )
    if language is not None and columns.language is not None:
        raise ValueError(
            f"`language` must be left out where {table.path} has the column {columns.language!r}; "
            f"`language_column=None` ignores it. Received: language={language!r}"
        )
    return OwnTable(table, columns, None if language is None else str(language), box_unit)


def _column(table: TableFile, given: str | None, usual: str) -> str | None:
    """Returns an optional column. One with another name than the usual must be there."""
    if given is None or (given == usual and usual not in table.columns):
        return None
    return named_column(table, str(given), usual)
