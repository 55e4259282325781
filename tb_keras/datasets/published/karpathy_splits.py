"""Karpathy's splits: a file `dataset_*.json` of pictures, captions and splits."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from tb_keras.datasets.captioned_pictures import Caption, check_split
from tb_keras.datasets.formats.json_fields import field
from tb_keras.datasets.formats.text_files import read_json

_SPLITS = {"train": "train", "restval": "train", "val": "validation", "test": "test"}


class KarpathyPicture(NamedTuple):
    """A picture of the file.

    Attributes:
        path: `filepath/filename`, or `filename` if there is no `filepath`.
        cocoid: the picture's id in MSCOCO, None in other data sets.
        captions: its captions in order, with the text attribute "id", their `sentid`.
        where: the file and the key, for error messages.
    """

    path: str
    cocoid: int | None
    captions: list[Caption]
    where: str


def read_karpathy_splits(
    path: str | os.PathLike, split: str, restval: bool = True
) -> Iterator[KarpathyPicture]:
    """Yields the pictures of a split in the order of the file.

    The file is an object whose "images" is a list of objects. Each has "filename", "split", which
    is "train", "restval", "val" or "test", and "sentences", a list of objects with "raw" and
    "sentid". In MSCOCO it also has "filepath", which is "train2014" or "val2014", and "cocoid", and
    the `sentid` of a caption is its annotation id. Other keys are ignored.

    Args:
        path: the file.
        split: "train", "validation", "test" or "all".
        restval: bool, whether "restval" belongs to "train": the pictures of MSCOCO's validation set
            that are in neither "val" nor "test".

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the split is unknown or empty, or the file is damaged. The message names the
            file, and the line or key.

    Reference:
        Karpathy and Fei-Fei, "Deep Visual-Semantic Alignments for Generating Image Descriptions",
        CVPR 2015, whose page publishes `caption_datasets.zip`.

    Examples:
        >>> import json, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "dataset_flickr30k.json"
        >>> sentences = [{"raw": "A dog runs.", "sentid": 0, "imgid": 0, "tokens": ["a", "dog"]}]
        >>> image = {"filename": "1.jpg", "split": "val", "sentences": sentences}
        >>> _ = path.write_text(json.dumps({"images": [image], "dataset": "flickr30k"}))
        >>> [picture.path for picture in read_karpathy_splits(path, "validation")]
        ['1.jpg']
    """
    check_split(split)
    found = False
    for number, image in enumerate(field(str(path), read_json(path), "images", list)):
        where = f"{path}, images[{number}]"
        name = field(where, image, "split", str)
        if name not in _SPLITS:
            raise ValueError(
                f"{where}: 'split' must be one of {', '.join(_SPLITS)}. Received: {name!r:.80}"
            )
        if split in ("all", _SPLITS[name]) and (restval or name != "restval"):
            found = True
            yield _picture(image, where)
    if not found:
        raise ValueError(f"{path} holds no picture of the split {split!r:.80}")


def _picture(image: dict, where: str) -> KarpathyPicture:
    file = field(where, image, "filename", str)
    if "filepath" in image:
        file = f"{field(where, image, 'filepath', str)}/{file}"
    captions = []
    for number, sentence in enumerate(field(where, image, "sentences", list)):
        place = f"{where}.sentences[{number}]"
        text = field(place, sentence, "raw", str)
        captions.append(Caption(text, place, {"id": field(place, sentence, "sentid", int)}))
    cocoid = field(where, image, "cocoid", int) if "cocoid" in image else None
    return KarpathyPicture(file, cocoid, captions, where)
