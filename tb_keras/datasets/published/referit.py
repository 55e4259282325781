"""ReferItGame: expressions for regions of photographs."""

from __future__ import annotations

import os
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.formats.text_files import read_json
from tb_keras.datasets.grounded_pictures import GroundedPictures, picture_path

_SPLIT_FILES = {
    name: "val" if name == "validation" else name
    for name in ("train", "val", "validation", "trainval", "test", "all")
}


def load_referit(
    directory: str | os.PathLike,
    split: str = "test",
    picture_folder: str | os.PathLike = "../referit-dataset/images",
    check_pictures: bool = True,
) -> Corpus:
    """Reads ReferItGame, in the JSON files that Hu et al. published for phrase localization.

    The pictures are those of ImageCLEF's SAIAPR TC-12. The boxes in the files count pixels from 0
    and include the last pixel. So the box `xmin, ymin, xmax, ymax` is read as `[xmin, ymin,
    xmax + 1, ymax + 1]`, and cut off at the border of the picture.

    Args:
        directory: the folder of

            - `referit_query_SPLIT.json`, from a region to its expressions:
              `{"30993_2.png": ["tallest bldng"]}`;
            - `referit_imcrop.json`, from a picture to its regions:
              `{"30993.jpg": ["30993_1.png", "30993_2.png"]}`;
            - `referit_bbox.json`, from a region to its box: `{"30993_2.png": [106, 84, 168, 175]}`;
            - `referit_imsize.json`, from a picture to its width and height:
              `{"30993.jpg": [480, 360]}`.
        split: "train", "val" (or "validation"), "trainval", "test" or "all".
        picture_folder: the folder of the pictures, relative to `directory` or absolute. The default
            is its place in the published layout.
        check_pictures: bool, whether all pictures must exist. Boxes and texts can be read without.

    Returns:
        A `Corpus` with `grounding`. Its images are all regions of the split's pictures, also those
        without an expression, as candidates. Its texts are the expressions as they were typed, in
        the order of the file. Images and texts have the attributes "region" and "picture", the
        names of the region and of the picture.

    Raises:
        FileNotFoundError: if a file or a picture is not there.
        ValueError: if the split is unknown, a file is damaged or empty, a key comes twice, a region
            has no box or no picture, or a box is wrong or outside its picture. The message names
            the file, and the region or picture.

    Reference:
        Kazemzadeh, Ordonez, Matten and Berg, "ReferItGame", EMNLP 2014. Hu, Rohrbach and Darrell,
        "Segmentation from Natural Language Expressions", ECCV 2016, for the files. Hu et al.,
        "Natural Language Object Retrieval", CVPR 2016, for the splits.

    Examples:
        >>> import json, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> for name, content in {
        ...     "query_test": {"30_2.png": ["tallest bldng", "building"]},
        ...     "imcrop": {"30.jpg": ["30_1.png", "30_2.png"]},
        ...     "bbox": {"30_1.png": [0, 0, 479, 359], "30_2.png": [106, 84, 168, 175]},
        ...     "imsize": {"30.jpg": [480, 360]},
        ... }.items():
        ...     _ = (folder / f"referit_{name}.json").write_text(json.dumps(content))
        >>> corpus = load_referit(folder, check_pictures=False)
        >>> corpus
        Corpus(2 images, 2 texts, 2 pairs; texts, grounding in 1 pictures)
        >>> corpus.grounding.phrase_boxes[0].tolist()
        [106.0, 84.0, 169.0, 176.0]
    """
    if split not in _SPLIT_FILES:
        raise ValueError(
            f"`split` must be one of {', '.join(_SPLIT_FILES)}. Received: {split!r:.80}"
        )
    directory = Path(directory)
    names = {"queries": f"query_{_SPLIT_FILES[split]}"}
    names |= {"crops": "imcrop", "boxes": "bbox", "sizes": "imsize"}
    files = {key: directory / f"referit_{name}.json" for key, name in names.items()}
    queries, crops, boxes, sizes = (_read_object(file) for file in files.values())
    if not queries:
        raise ValueError(f"{files['queries']} holds no region")

    picture_of: dict[str, int] = {}
    for picture, regions in crops.items():
        for region in _strings(files["crops"], picture, regions):
            if picture_of.setdefault(region, picture) != picture:
                raise ValueError(
                    f"{files['crops']}, {region!r:.80}: in {picture!r:.80}, before in "
                    f"{picture_of[region]!r:.80}"
                )

    gathered = GroundedPictures()
    pictures: dict[str, int] = {}
    indices: dict[str, int] = {}
    for region, expressions in queries.items():
        picture = _value(files["crops"], picture_of, region, "region")
        if picture not in pictures:
            size = _value(files["sizes"], sizes, picture, "picture")
            _check_integers(files["sizes"], picture, size, 2)
            path = picture_path(
                directory / picture_folder, picture, str(files["crops"]), check_pictures
            )
            pictures[picture] = gathered.add_picture(path, tuple(size))
            for other in dict.fromkeys(crops[picture]):
                box = _value(files["boxes"], boxes, other, "region")
                _check_integers(files["boxes"], other, box, 4)
                left, top, right, bottom = box
                indices[other] = gathered.add_region(
                    pictures[picture],
                    [left, top, right + 1, bottom + 1],
                    f"{files['boxes']}, {other!r:.80}",
                    region=other,
                    picture=picture,
                )
        for expression in _strings(files["queries"], region, expressions):
            gathered.add_phrase(
                pictures[picture], expression, [indices[region]], region=region, picture=picture
            )
    return gathered.corpus()


def _read_object(path: Path) -> dict:
    value = read_json(path, distinct_keys=True)
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object. Received: {type(value).__name__}")
    return value


def _value(path: Path, values: dict, key: str, kind: str):
    if key not in values:
        raise ValueError(f"{path} does not hold the {kind} {key!r:.80}")
    return values[key]


def _strings(path: Path, key: str, values: object) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(
            f"{path}, {key!r:.80}: expected a list of strings. Received: {values!r:.80}"
        )
    return values


def _check_integers(path: Path, key: str, values: object, length: int) -> None:
    if (
        not isinstance(values, list)
        or len(values) != length
        or any(type(value) is not int for value in values)
        or (length == 2 and min(values) < 1)
    ):
        kind = "positive integers" if length == 2 else "integers"
        raise ValueError(f"{path}, {key!r:.80}: expected {length} {kind}. Received: {values!r:.80}")
