"""Flickr30K: photographs with five English captions each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.captioned_pictures import Caption, CaptionedPictures, check_split
from tb_keras.datasets.formats.caption_lines import (
    read_caption_lines,
    read_picture_list,
    read_piped_captions,
)
from tb_keras.datasets.own.hashed_splits import hashed_splits
from tb_keras.datasets.published.karpathy_splits import read_karpathy_splits

_KARPATHY, _TOKEN = "dataset_flickr30k.json", "results_20130124.token"
_KAGGLE = "results.csv"
_PICTURES = ("flickr30k-images", "flickr30k_images")
_LISTS = {"train": ["train"], "validation": ["val"], "test": ["test"]}
_LISTS["all"] = ["train", "val", "test"]


def load_flickr30k(
    directory: str | os.PathLike,
    split: str = "test",
    splits: str | None = None,
    pictures: str | os.PathLike | None = None,
) -> Corpus:
    r"""Reads Flickr30K.

    There are two sets of files. Their captions and pictures are nearly the same, but Karpathy's
    splits leave out 769 pictures, and the test pictures differ. So results on one set cannot be
    compared with results on the other.

    Args:
        directory: the folder of the files.
        split: "train", "validation", "test" or "all".
        splits: "karpathy" or "entities". "karpathy" is the captions and splits of
            `dataset_flickr30k.json`, with 29,000, 1,014 and 1,000 pictures. "entities" is the
            captions of `results_20130124.token` with the split lists `train.txt`, `val.txt` and
            `test.txt` of Flickr30K Entities, with 29,783, 1,000 and 1,000 pictures. The default is
            the first of the two whose file is there. Captions of pictures outside the split are
            left out. Kaggle's `results.csv` may stand for `results_20130124.token`. It comes
            without split lists: without them the splits go by a hash of each picture's name, and no
            published figure can be compared.
        pictures: the folder of the pictures `ID.jpg`, relative to `directory` or absolute. The
            default is "flickr30k-images", or Kaggle's "flickr30k_images".

    Returns:
        A `Corpus` of `texts` and, if the folder of the pictures exists, `image_paths`. The image
        attribute is "file", such as "1000092795.jpg". The text attribute is "sentence", the number
        of the caption in its picture, from 0.

    Raises:
        FileNotFoundError: if a file is not there, `pictures` is given and is not a folder, or the
            folder lacks some of the pictures.
        ValueError: if an argument is wrong, a file is damaged, a picture or caption comes twice, a
            caption is empty, or a picture has no caption. The message names the file, and the line
            or key.

    Reference:
        Young, Lai, Hodosh and Hockenmaier, "From image descriptions to visual denotations", TACL
        2014. Karpathy and Fei-Fei, "Deep Visual-Semantic Alignments for Generating Image
        Descriptions", CVPR 2015, for Karpathy's splits.

    Examples:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "test.txt").write_text("100\n")
        >>> captions = "100.jpg#0\tA dog runs .\n100.jpg#1\tA pet in a park .\n"
        >>> _ = (folder / "results_20130124.token").write_text(captions)
        >>> corpus = load_flickr30k(folder)
        >>> corpus.texts, corpus.image_attributes
        (['A dog runs .', 'A pet in a park .'], {'file': ['100.jpg']})
    """
    check_split(split)
    directory = Path(directory)
    splits = _whose_splits(directory) if splits is None else splits
    if splits not in ("karpathy", "entities"):
        raise ValueError(f"`splits` must be 'karpathy' or 'entities'. Received: {splits!r}")
    folder = directory / (_pictures_folder(directory) if pictures is None else pictures)
    gathered = CaptionedPictures()
    if splits == "karpathy":
        for picture in read_karpathy_splits(directory / _KARPATHY, split):
            captions = [
                caption._replace(attributes={"sentence": number})
                for number, caption in enumerate(picture.captions)
            ]
            gathered.add(folder / picture.path, captions, picture.where)
    else:
        captions = _captions(directory)
        for picture, where in _pictures(directory, split, captions):
            gathered.add(folder / picture, captions.get(picture, []), where)
    return gathered.corpus(pictures is not None)


def _whose_splits(directory: Path) -> str:
    for file, splits in (
        (_KARPATHY, "karpathy"),
        (_TOKEN, "entities"),
        (_KAGGLE, "entities"),
    ):
        if (directory / file).is_file():
            return splits
    raise FileNotFoundError(f"There is neither {_KARPATHY} nor {_TOKEN} in '{directory}'")


def _captions(directory: Path) -> dict[str, list[Caption]]:
    if not (directory / _TOKEN).is_file() and (directory / _KAGGLE).is_file():
        return read_piped_captions(directory / _KAGGLE)
    return read_caption_lines(directory / _TOKEN)


def _pictures(
    directory: Path, split: str, captions: Mapping[str, list[Caption]]
) -> Iterator[tuple[str, str]]:
    """Yields the pictures of a split, and where each is named."""
    lists = [directory / f"{name}.txt" for name in _LISTS["all"]]
    if (directory / _TOKEN).is_file() or any(map(Path.is_file, lists)):
        for name in _LISTS[split]:
            for picture, where in read_picture_list(directory / f"{name}.txt"):
                yield f"{picture}.jpg", where
        return
    for picture, own in zip(captions, hashed_splits(list(captions))):
        if split in (own, "all"):
            yield picture, captions[picture][0].where


def _pictures_folder(directory: Path) -> str:
    return next((name for name in _PICTURES if (directory / name).is_dir()), _PICTURES[0])
