"""Flickr30K: photographs with five English captions each."""

from __future__ import annotations

import os
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.captioned_pictures import CaptionedPictures, check_split
from tb_keras.datasets.formats.caption_lines import read_caption_lines, read_picture_list
from tb_keras.datasets.published.karpathy_splits import read_karpathy_splits

_KARPATHY, _TOKEN = "dataset_flickr30k.json", "results_20130124.token"
_LISTS = {"train": ["train"], "validation": ["val"], "test": ["test"]}
_LISTS["all"] = ["train", "val", "test"]


def load_flickr30k(
    directory: str | os.PathLike,
    split: str = "test",
    splits: str | None = None,
    pictures: str | os.PathLike | None = None,
) -> Corpus:
    r"""Reads Flickr30K.

    There are two sets of files, with nearly the same captions and pictures (Karpathy's splits leave
    769 out), but with other test pictures: results on one are not to be held against the other's.

    Args:
        directory: the folder of the files.
        split: "train", "validation", "test" or "all".
        splits: "karpathy" for the captions and splits of `dataset_flickr30k.json` (29,000, 1,014
            and 1,000 pictures); "entities" for the captions of the published
            `results_20130124.token` and the split lists `train.txt`, `val.txt` and `test.txt` of
            Flickr30K Entities (29,783, 1,000 and 1,000 pictures), a picture id a line. None for
            the first of the two whose file is there. Captions of pictures that no list of the split
            names are left out.
        pictures: the folder of the pictures `ID.jpg`, relative to `directory` or absolute;
            "flickr30k-images" if None.

    Returns:
        A `Corpus` of `texts` and, where the folder of the pictures is there, `image_paths`.
        `image_attributes`: "file", such as "1000092795.jpg". `text_attributes`: "sentence", the
        caption's number in its picture, from 0.

    Raises:
        FileNotFoundError: if neither set of files is there, or one of the set is not; if `pictures`
            is given and is no folder; if the folder is there and some pictures are not in it.
        ValueError: if an argument is none of the above, or a file is damaged: not in UTF-8, empty,
            cut off, a caption empty or without its number, a picture or a caption twice, a picture
            without a caption; the message names the file, and the line or the key.

    Reference:
        Young, Lai, Hodosh and Hockenmaier, "From image descriptions to visual denotations", TACL
        2014, whose README defines the token file; `karpathy_splits` for the
        other.

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
    folder = directory / ("flickr30k-images" if pictures is None else pictures)
    gathered = CaptionedPictures()
    if splits == "karpathy":
        for picture in read_karpathy_splits(directory / _KARPATHY, split):
            captions = [
                caption._replace(attributes={"sentence": number})
                for number, caption in enumerate(picture.captions)
            ]
            gathered.add(folder / picture.path, captions, picture.where)
    else:
        captions = read_caption_lines(directory / _TOKEN)
        for name in _LISTS[split]:
            for picture, where in read_picture_list(directory / f"{name}.txt"):
                gathered.add(folder / f"{picture}.jpg", captions.get(f"{picture}.jpg", []), where)
    return gathered.corpus(pictures is not None)


def _whose_splits(directory: Path) -> str:
    for file, splits in ((_KARPATHY, "karpathy"), (_TOKEN, "entities")):
        if (directory / file).is_file():
            return splits
    raise FileNotFoundError(f"There is neither {_KARPATHY} nor {_TOKEN} in '{directory}'")
