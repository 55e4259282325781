"""Which layout a file or folder of your own has."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tb_keras.datasets.own.layouts.captioned_folder import CaptionedFolder, has_captions
from tb_keras.datasets.own.layouts.class_folder import ClassFolder, has_classes
from tb_keras.datasets.own.layouts.json_files import is_note, open_json
from tb_keras.datasets.own.layouts.tables_folder import (
    TablesFolder,
    belong_together,
    metadata_files,
    open_table_or_json,
)
from tb_keras.datasets.own.table_file import TableFile
from tb_keras.datasets.own.table_rows import TABLE_ENDINGS
from tb_keras.storage.pictures.picture_folder import picture_names

LAYOUT_ENDINGS = (*TABLE_ENDINGS, ".json")
_PUBLISHED = {  # files of data sets that have a reader of their own
    "Flickr8k.token.txt": "flickr8k",
    "captions.txt": "flickr8k",
    "results_20130124.token": "flickr30k",
    "results.csv": "flickr30k",
    "dataset_flickr30k.json": "flickr30k",
    "dataset_coco.json": "coco",
    "images.npy": "arrays",
    "images.npz": "arrays",
}


def open_layout(path: Path) -> TableFile:
    r"""Opens a table, a JSON file, or a folder of pictures with texts.

    A folder is read by its `metadata.csv`, `metadata.jsonl` or `metadata.parquet`, there or in the
    folders of its splits; or else by the only table in it; or by its tables, if they are named by
    splits or are all `.tar` or all `.parquet`; or by the tables in its folder `data`; or else by
    the `.txt` files beside its pictures, with a text on each line; or else by the names of the
    folders that its pictures are in.

    Raises:
        FileNotFoundError: if it is not there.
        ValueError: if it has another layout, or is damaged.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "dog.png").write_bytes(b"a picture")
        >>> _ = (folder / "dog.txt").write_text("a dog\na pet\n")
        >>> [row for _, row in open_layout(folder).rows(["image", "text"])]
        [{'image': 'dog.png', 'text': ['a dog', 'a pet']}]
    """
    if path.is_dir():
        return _open_folder(path)
    if not path.suffix and not path.exists():
        raise FileNotFoundError(f"There is no folder or file '{path}'")
    return open_table_or_json(path)


def _open_folder(folder: Path) -> TableFile:
    metadata = metadata_files(folder)
    if metadata:
        return TablesFolder(folder, metadata)
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name[0] != ".")
    for file in files:
        if file.name in _PUBLISHED:
            raise ValueError(
                f"{folder} has the file {file.name!r} of a data set with a reader of its own: "
                f"--dataset={_PUBLISHED[file.name]}"
            )
    tables = _tables(files)
    if not tables and (folder / "data").is_dir() and _tables((folder / "data").iterdir()):
        return _open_folder(folder / "data")
    if len(tables) > 1:
        notes = [file for file in tables if is_note(file)]
        tables = [file for file in tables if file not in notes] or notes[:1]
    if len(tables) > 1:
        if belong_together(tables):
            return TablesFolder(folder, tables)
        raise ValueError(
            f"{folder} has several tables, such as {tables[0].name!r} and {tables[1].name!r}: name "
            "one of them instead of the folder"
        )
    if tables and not is_note(tables[0]):
        return open_layout(tables[0])
    pictures = picture_names(folder)
    if has_captions(folder, pictures):
        return CaptionedFolder(folder, pictures)
    if has_classes(pictures):
        return ClassFolder(folder, pictures)
    if tables:
        return open_json(tables[0])
    raise ValueError(
        f"{folder} has {len(pictures)} pictures, but no texts: a table, a .txt file beside each "
        "picture, or folders whose names say what is in them"
    )


def _tables(files: Iterable[Path]) -> list[Path]:
    return [file for file in files if file.suffix.lower() in LAYOUT_ENDINGS]
