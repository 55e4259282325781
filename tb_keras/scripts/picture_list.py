"""Which picture files a user means: those of a folder, of a table, or of a list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tb_keras.datasets.own.picture_folder import OTHER_PICTURES, READABLE_PICTURES, picture_names
from tb_keras.datasets.own.same_pictures import picture_name

_TABLES = (".csv", ".tsv", ".jsonl", ".parquet")


def listed_pictures(images: str) -> tuple[list[str], list[str]]:
    """Finds picture files.

    Args:
        images: a folder, searched with its subfolders for files with a picture's ending (hidden
            ones are left out); a table (CSV, TSV, JSONL, Parquet) with a column `image` or
            `image_path`; or any other text file in UTF-8 with a path a line. Paths in a file are
            relative to its folder.

    Returns:
        The paths of the pictures, each once, and their names: relative to the folder, in the
        shortest spelling. From a folder they are in the order of their names.

    Raises:
        FileNotFoundError: if `images` is not there.
        ValueError: if it names no picture, or is damaged.
    """
    source = Path(images)
    if source.is_dir():
        # Pictures that the encoders cannot read are listed too, so that they are reported.
        names, folder = picture_names(source, READABLE_PICTURES + OTHER_PICTURES), source
    elif source.is_file():
        found = _of_table(source) if source.suffix in _TABLES else _of_list(source)
        folder = source.parent
        names = list(dict.fromkeys(picture_name(folder, written) for written in found))
    else:
        raise FileNotFoundError(f"there is no folder or file {images!r}")
    if not names:
        raise ValueError(f"there is no picture in {images!r}")
    return [str(folder / name) for name in names], names


def _of_table(path: Path) -> Iterator[str]:
    from tb_keras.datasets.own.table_rows import IMAGE_COLUMNS, open_table

    table = open_table(path)
    column = next((column for column in IMAGE_COLUMNS if column in table.columns), None)
    if column is None:
        raise ValueError(
            f"{path} must have a column {' or '.join(IMAGE_COLUMNS)}. "
            f"Received: {', '.join(map(repr, table.columns))}"
        )
    for where, row in table.rows([column]):
        name = row.get(column)
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{where}: {column!r} must be a path. Received: {name!r:.80}")
        yield name


def _of_list(path: Path) -> Iterator[str]:
    from tb_keras.datasets.formats.text_files import read_text

    return (line for line in read_text(path).split("\n") if line.strip())
