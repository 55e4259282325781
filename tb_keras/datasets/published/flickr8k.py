"""Flickr8k: photographs with five English captions each."""

from __future__ import annotations

import collections
import os
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.captioned_pictures import Caption, CaptionedPictures, check_split
from tb_keras.datasets.formats.caption_lines import read_caption_lines, read_picture_list
from tb_keras.datasets.own.delimited_file import DelimitedFile
from tb_keras.datasets.own.hashed_splits import hashed_splits

_TOKEN, _TABLE = "Flickr8k.token.txt", "captions.txt"
_PICTURES = {_TOKEN: "Flicker8k_Dataset", _TABLE: "Images"}
_LISTS = {"train": "train", "validation": "dev", "test": "test"}


def load_flickr8k(
    directory: str | os.PathLike,
    split: str = "test",
    pictures: str | os.PathLike | None = None,
) -> Corpus:
    r"""Reads Flickr8k.

    There are two sets of files. The published one has the captions `Flickr8k.token.txt`, the lists
    `Flickr_8k.trainImages.txt`, `Flickr_8k.devImages.txt` and `Flickr_8k.testImages.txt` with
    6,000, 1,000 and 1,000 pictures, and the pictures in `Flicker8k_Dataset`. The one in circulation
    today has the captions `captions.txt`, a table with the columns `image` and `caption`, and the
    pictures in `Images`. It has no lists: put the published ones beside `captions.txt`, or else the
    splits go by a hash of each picture's name, and no published figure can be compared.

    A warning counts the pictures that are in no list, and the captions whose picture is not there.
    Both are left out: the published files have 91 and 5 of them.

    Args:
        directory: the folder of the files.
        split: "train", "validation", "test" or "all".
        pictures: the folder of the pictures, relative to `directory` or absolute. The default is
            "Flicker8k_Dataset" or "Images".

    Returns:
        A `Corpus` of `texts` and, if the folder of the pictures exists, `image_paths`. The image
        attribute is "file", such as "1000268201_693b08cb0e.jpg". The text attribute is "sentence",
        the number of the caption in its picture, from 0.

    Raises:
        FileNotFoundError: if a file is not there, `pictures` is given and is not a folder, or the
            folder lacks pictures of a list.
        ValueError: if `split` is wrong, a file is damaged, a picture or caption comes twice, a
            caption is empty, or a picture of a list has no caption. The message names the file and
            line.

    Reference:
        Hodosh, Young and Hockenmaier, "Framing Image Description as a Ranking Task: Data, Models
        and Evaluation Metrics", JAIR 2013.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name in ("train", "dev", "test"):
        ...     _ = (folder / f"Flickr_8k.{name}Images.txt").write_text(f"{name}_1.jpg\n")
        >>> lines = [f"{name}_1.jpg#0\tA dog runs .\n" for name in ("train", "dev", "test")]
        >>> _ = (folder / "Flickr8k.token.txt").write_text("".join(lines))
        >>> corpus = load_flickr8k(folder)
        >>> corpus.texts, corpus.image_attributes
        (['A dog runs .'], {'file': ['test_1.jpg']})
    """
    check_split(split)
    directory = Path(directory)
    captions_file = _captions_file(directory)
    folder = directory / (_PICTURES[captions_file] if pictures is None else pictures)
    if captions_file == _TOKEN:
        captions = read_caption_lines(directory / _TOKEN)
    else:
        captions = _read_caption_table(directory / _TABLE)
    there = set(os.listdir(folder)) if folder.is_dir() else None
    if captions_file == _TABLE and not any(_list(directory, name).is_file() for name in _LISTS):
        splits = _hashed(captions, there)
    else:
        splits = _listed(directory)
    listed = {picture for found in splits.values() for picture in found}
    _warn_of_others(directory, captions, there, listed)
    gathered = CaptionedPictures()
    for name in _LISTS if split == "all" else [split]:
        for picture, where in splits[name].items():
            gathered.add(folder / picture, captions.get(picture, []), where)
    return gathered.corpus(pictures is not None)


def _captions_file(directory: Path) -> str:
    for name in (_TOKEN, _TABLE):
        if (directory / name).is_file():
            return name
    raise FileNotFoundError(f"There is neither {_TOKEN} nor {_TABLE} in '{directory}'")


def _list(directory: Path, split: str) -> Path:
    return directory / f"Flickr_8k.{_LISTS[split]}Images.txt"


def _read_caption_table(path: Path) -> dict[str, list[Caption]]:
    table = DelimitedFile(path)
    if table.columns != ["image", "caption"]:
        raise ValueError(
            f"{path}, line 1: expected the header image,caption. Received: {table.columns}"
        )
    captions: dict[str, list[Caption]] = collections.defaultdict(list)
    for where, row in table.rows(table.columns):
        if not row["caption"]:
            raise ValueError(f"{where}: the caption is empty")
        number = len(captions[row["image"]])
        captions[row["image"]].append(Caption(row["caption"], where, {"sentence": number}))
    if not captions:
        raise ValueError(f"{path} has no caption")
    return dict(captions)


def _listed(directory: Path) -> dict[str, dict[str, str]]:
    """Returns, for each split, its pictures and where each is named."""
    splits: dict[str, dict[str, str]] = {}
    seen: set[str] = set()
    for split in _LISTS:
        splits[split] = {}
        for picture, where in read_picture_list(_list(directory, split)):
            if picture in seen:
                raise ValueError(f"{where}: the picture {picture!r:.80} comes twice")
            seen.add(picture)
            splits[split][picture] = where
    return splits


def _hashed(
    captions: Mapping[str, list[Caption]], there: Collection[str] | None
) -> dict[str, dict[str, str]]:
    """Does what `_listed` does by a hash of each name, for the pictures that are there."""
    names = [name for name in captions if there is None or name in there]
    if not names:
        raise FileNotFoundError(f"There is no picture of the {len(captions)} that have captions")
    splits: dict[str, dict[str, str]] = {split: {} for split in _LISTS}
    for name, split in zip(names, hashed_splits(names)):
        splits[split][name] = captions[name][0].where
    return splits


def _warn_of_others(
    directory: Path,
    captions: Mapping[str, list[Caption]],
    there: Collection[str] | None,
    listed: Collection[str],
) -> None:
    """Warns of pictures outside the splits, and of captions whose picture is not there."""
    pictures = captions if there is None else [name for name in there if name.endswith(".jpg")]
    others = sorted(set(pictures) - set(listed))
    _warn_of(directory, len(others), "pictures in no split", others)
    if there is not None:
        absent = sorted(set(captions) - set(there) - set(listed))
        count = sum(len(captions[name]) for name in absent)
        _warn_of(directory, count, "captions of pictures that are not there", absent)


def _warn_of(directory: Path, count: int, what: str, names: list[str]) -> None:
    if names:
        message = f"{directory}: {count} {what} are left out, such as {names[0]!r:.80}"
        warnings.warn(message, stacklevel=4)
