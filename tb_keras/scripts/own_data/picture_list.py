"""Which picture files a user means: those of a folder, of a table, or of a list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tb_keras.datasets.own.archives.shard_names import is_pattern
from tb_keras.datasets.own.columns.row_values import checked_picture
from tb_keras.datasets.own.columns.table_columns import image_column_of
from tb_keras.datasets.own.layouts.open_layout import LAYOUT_ENDINGS, open_layout
from tb_keras.datasets.own.same_pictures import picture_name
from tb_keras.storage.pictures.picture_folder import picture_names


def listed_pictures(images: str, image_column: str | None = None) -> tuple[list[str], list[str]]:
    """Finds picture files.

    Args:
        images: a folder, searched with its subfolders for files with a picture's ending (hidden
            ones are left out); a table (CSV, TSV, JSONL, JSON, Parquet, tar) with a column of
            pictures; or any other text file in UTF-8 with a path a line. Paths in a file are
            relative to its folder.
        image_column: the column of a table's pictures; by default one of the usual names.

    Returns:
        The paths of the pictures, each once, and their names: relative to the folder, in the
        shortest spelling. From a folder they are in the order of their names.

    Raises:
        FileNotFoundError: if `images` is not there.
        ValueError: if it names no picture, or is damaged.
    """
    source = Path(images)
    if source.is_dir():
        names, folder = picture_names(source), source
    elif source.is_file() or is_pattern(source):
        if source.suffix.lower() in LAYOUT_ENDINGS:
            folder, found = _of_table(source, image_column)
        else:
            folder, found = source.parent, _of_list(source)
        names = list(dict.fromkeys(found))
    else:
        raise FileNotFoundError(f"there is no folder or file {images!r}")
    if not names:
        raise ValueError(f"there is no picture in {images!r}")
    return [str(folder / name) for name in names], names


def _of_table(path: Path, image_column: str | None) -> tuple[Path, Iterator[str]]:
    table = open_layout(path)
    if not table.columns:
        return table.folder, iter(())
    column = image_column_of(table, image_column)
    return table.folder, (
        checked_picture(where, column, row.get(column), table.folder)
        for where, row in table.rows([column])
    )


def _of_list(path: Path) -> Iterator[str]:
    from tb_keras.datasets.formats.text_files import read_text

    lines = filter(str.strip, read_text(path).split("\n"))
    return (picture_name(path.parent, line) for line in lines)
