"""MSCOCO captions: photographs with five English captions or a few more each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from tb_keras.checks.arguments import check_int
from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.captioned_pictures import CaptionedPictures, check_split
from tb_keras.datasets.formats.coco_captions import coco_captions
from tb_keras.datasets.formats.text_files import read_json
from tb_keras.datasets.published.karpathy_splits import KarpathyPicture, read_karpathy_splits

_KARPATHY = "dataset_coco.json"
_PUBLISHED = {"train": ["train"], "validation": ["val"], "all": ["train", "val"]}
_YEARS = ("2014", "2017")


def load_coco(
    directory: str | os.PathLike,
    split: str = "test",
    restval: bool = True,
    captions_per_image: int | None = 5,
    pictures: str | os.PathLike | None = None,
) -> Corpus:
    """Reads the captions of MSCOCO, in Karpathy's splits or in MSCOCO's own.

    Pictures and captions come in the order of the file. This is the order that published results on
    "MSCOCO 1K" follow: they are the mean over the five thousands of Karpathy's test pictures.

    Args:
        directory: the folder of `dataset_coco.json`, which has Karpathy's splits. Without this
            file, the folder of `annotations/captions_train2014.json`, which is "train", and
            `annotations/captions_val2014.json`, which is "validation", or else of those of 2017.
            Then there is no "test".
        split: "train", "validation", "test" or "all". Karpathy's "train" has 113,287 pictures with
            `restval` and 82,783 without; "validation" and "test" have 5,000 each.
        restval: bool, whether Karpathy's "restval", 30,504 pictures of val2014, belongs to "train",
            as in nearly all published results.
        captions_per_image: positive int, how many captions of each image to keep, the first ones;
            None for all. Published results use 5, so the 5,000 test pictures have 25,000 captions.
            A few pictures have six or seven.
        pictures: the folder of the folders `train2014` and `val2014`, or of those of 2017, relative
            to `directory` or absolute. The default is `directory`.

    Returns:
        A `Corpus` of `texts` and, if a folder of the pictures exists, `image_paths`. The image
        attributes are "file", such as "COCO_val2014_000000391895.jpg", and "id", MSCOCO's image id.
        The text attribute is "id", MSCOCO's annotation id, which `with_ground_truth` needs. It is
        the `sentid` of `dataset_coco.json`.

    Raises:
        FileNotFoundError: if neither set of files is there, `pictures` is given and has neither
            folder, or a folder lacks some of its pictures.
        ValueError: if an argument is wrong, a file is damaged, an id comes twice, a caption is
            empty or has no image, or an image has no caption. The message names the file, and the
            key or id.

    Reference:
        Chen, Fang, Lin, Vedantam, Gupta, Dollár and Zitnick, "Microsoft COCO Captions", 2015, and
        https://cocodataset.org/#format-data for MSCOCO's files. Karpathy and Fei-Fei, "Deep
        Visual-Semantic Alignments for Generating Image Descriptions", CVPR 2015, for the splits.

    Examples:
        >>> import json, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> image = {
        ...     "filepath": "val2014",
        ...     "filename": "COCO_val2014_000000000042.jpg",
        ...     "cocoid": 42,
        ...     "split": "test",
        ...     "sentences": [{"raw": "A dog. ", "sentid": 641613}],
        ... }
        >>> _ = (folder / "dataset_coco.json").write_text(json.dumps({"images": [image]}))
        >>> corpus = load_coco(folder)
        >>> corpus.texts, corpus.image_attributes["id"], corpus.text_attributes["id"]
        (['A dog.'], [42], [641613])
    """
    check_split(split)
    if captions_per_image is not None:
        check_int("captions_per_image", captions_per_image, least=1)
    directory = Path(directory)
    if (directory / _KARPATHY).is_file():
        found = read_karpathy_splits(directory / _KARPATHY, split, restval)
    else:
        found = _published(directory, split)
    folder = directory if pictures is None else directory / pictures
    gathered = CaptionedPictures()
    for path, id, captions, where in found:
        if id is None:
            raise ValueError(f"{where}: there is no 'cocoid'")
        gathered.add(folder / path, captions[:captions_per_image], where, id=id)
    return gathered.corpus(pictures is not None)


def _published(directory: Path, split: str) -> Iterator[KarpathyPicture]:
    """Yields the pictures of MSCOCO's own files like those of Karpathy's file."""
    if split not in _PUBLISHED:
        raise ValueError(
            f"`split` must be one of {', '.join(_PUBLISHED)} without {_KARPATHY}, which is not in "
            f"'{directory}'; MSCOCO's own test pictures have no published captions. "
            f"Received: {split!r:.80}"
        )
    years = {year: _files(directory, split, year) for year in _YEARS}
    there = [files for files in years.values() if any(map(Path.is_file, files.values()))]
    files = there[0] if there else years[_YEARS[0]]
    if not there:
        raise FileNotFoundError(
            f"There is neither {_KARPATHY} nor {' nor '.join(map(str, files.values()))} in "
            f"'{directory}'"
        )
    for folder, file in files.items():
        for picture in coco_captions(file, read_json(file)):
            path = f"{folder}/{picture.file}"
            yield KarpathyPicture(path, picture.id, picture.captions, picture.where)


def _files(directory: Path, split: str, year: str) -> dict[str, Path]:
    """Returns the captions of each folder of pictures."""
    folders = [f"{part}{year}" for part in _PUBLISHED[split]]
    return {name: directory / "annotations" / f"captions_{name}.json" for name in folders}
