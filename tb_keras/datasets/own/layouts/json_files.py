"""JSON files of your own: a list of rows, or captions in the form of MSCOCO's files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from tb_keras.datasets.formats.coco_captions import CocoPicture, coco_captions
from tb_keras.datasets.formats.text_files import read_json
from tb_keras.datasets.own.table_file import Row, TableFile

_CAPTIONS = {"images", "annotations"}


def is_note(path: Path) -> bool:
    """Returns whether a file is JSON, but no table: an object, such as `class_to_idx.json`.

    Raises:
        ValueError: if the file is damaged JSON.
    """
    if path.suffix.lower() != ".json":
        return False
    content = read_json(path)
    return isinstance(content, dict) and not content.keys() >= _CAPTIONS


def open_json(path: Path) -> TableFile:
    """Opens a JSON file: a list of objects, or an object with "images" and "annotations".

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if it is damaged, or holds something else.
    """
    content = read_json(path)
    if isinstance(content, list):
        return _JsonRows(path, content)
    if isinstance(content, dict) and content.keys() >= _CAPTIONS:
        return _CocoFile(path, list(coco_captions(path, content)))
    hint = ""
    if isinstance(content, dict) and isinstance(content.get("images"), list):
        hint = "; --dataset=coco or flickr30k, with --data=FOLDER, reads Karpathy's files"
    raise ValueError(
        f"{path} must hold a list of objects, or 'images' and 'annotations' as MSCOCO's captions "
        f"do{hint}"
    )


class _JsonRows(TableFile):
    """A list of objects, each a row."""

    def __init__(self, path: Path, content: list):
        super().__init__(path)
        self._content = content
        for _, row in self.rows(()):
            self.columns = list(row)
            break

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for number, row in enumerate(self._content):
            where = f"{self.path}, [{number}]"
            if not isinstance(row, dict):
                raise ValueError(f"{where}: expected a JSON object. Received: {row!r:.80}")
            yield where, dict(row)


class _CocoFile(TableFile):
    """Captions in the form of MSCOCO's files.

    The pictures are in the file's folder, or in `val2017` there or beside it if the file is
    `captions_val2017.json`, or in `images`; the first picture tells.
    """

    def __init__(self, path: Path, pictures: Sequence[CocoPicture]):
        super().__init__(path)
        self._pictures = [picture for picture in pictures if picture.captions]
        if len(self._pictures) < len(pictures):
            warnings.warn(
                f"{path}: {len(pictures) - len(self._pictures)} images without a caption are left "
                "out",
                stacklevel=2,
            )
        if self._pictures:
            self.columns = ["image", "text"]
            self.folder = _pictures_folder(path, self._pictures[0].file)

    def rows(self, columns: Sequence[str]) -> Iterator[Row]:
        for picture in self._pictures:
            texts = [caption.text for caption in picture.captions]
            yield picture.where, {"image": picture.file, "text": texts}

    def description(self, columns: Sequence[str]) -> str:
        return f"images of {self.path.name}, in MSCOCO's form, with pictures in {self.folder}"


def _pictures_folder(path: Path, picture: str) -> Path:
    name = path.stem.removeprefix("captions_")
    for above in (path.parent, path.parent / ".."):
        for folder in (above, above / name, above / "images", above / "images" / name):
            if os.path.isfile(folder / picture):
                return Path(os.path.normpath(folder))
    return path.parent
