"""RefCOCO, RefCOCO+ and RefCOCOg: expressions for an object in a COCO picture."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets.formats.json_fields import field, items_by_id
from tb_keras.datasets.formats.plain_pickle import load_plain_pickle
from tb_keras.datasets.formats.text_files import read_json
from tb_keras.datasets.grounded_pictures import GroundedPictures, picture_path

_SPLITS = ("train", "val", "validation", "testA", "testB", "test")
_SPLIT_BY = ("unc", "google", "umd")


def load_refcoco(
    directory: str | os.PathLike,
    split: str = "test",
    split_by: str = "unc",
    picture_folder: str | os.PathLike = "../images/mscoco/images/train2014",
    check_pictures: bool = True,
) -> Corpus:
    """Reads RefCOCO, RefCOCO+ or RefCOCOg in the layout of the authors' `refer` interface.

    Args:
        directory: the folder of one of the three, such as `refcoco+`. It has `instances.json`, as
            in COCO, with images, annotations and categories, and the references `refs(SPLIT_BY).p`,
            a pickle of plain data. `refs(SPLIT_BY).json` with the same content takes precedence.
        split: "train", "val" (or "validation"), "testA" (people), "testB" (other objects) or
            "test", which is all splits that begin with "test".
        split_by: whose splits: "unc" for RefCOCO and RefCOCO+, "google" for all three, where
            RefCOCOg has no "test", or "umd" for RefCOCOg.
        picture_folder: the folder of COCO's train2014 pictures, relative to `directory` or
            absolute. The default is its place in the published layout.
        check_pictures: bool, whether all pictures must exist. Boxes and texts can be read without.

    Returns:
        A `Corpus` with `grounding`. Its images are all annotated objects of the split's pictures
        whose box has an area, also those without an expression, as candidates. Boxes are cut off at
        the border of the picture. Its texts are the expressions, in the authors' lower case. The
        text attributes are

        - "categories": a list with the COCO category of the object;
        - "sentence", "reference", "picture": the ids of the expression, reference and image;
        - "split": the split of its reference.

        The image attributes are "annotation" and "picture", the ids, and "category", the name.

    Raises:
        FileNotFoundError: if a file or a picture is not there.
        ValueError: if an argument is wrong, the split is empty, a file is damaged, an id comes
            twice or is unknown, or a box is wrong or, for a reference, outside its picture. The
            message names the file and the id.

    Reference:
        Yu, Poirson, Yang, Berg and Berg, "Modeling Context in Referring Expressions", ECCV 2016;
        RefCOCOg: Mao et al., CVPR 2016, and the "umd" splits Nagaraja et al., ECCV 2016.

    Examples:
        >>> import json, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> sentences = [{"sent": "left dog", "sent_id": 8}]
        >>> references = [
        ...     {"ref_id": 1, "ann_id": 5, "image_id": 9, "split": "testB", "sentences": sentences}
        ... ]
        >>> instances = {
        ...     "images": [{"id": 9, "file_name": "9.jpg", "width": 640, "height": 480}],
        ...     "annotations": [
        ...         {"id": 5, "image_id": 9, "category_id": 18, "bbox": [10, 20, 30, 40]}
        ...     ],
        ...     "categories": [{"id": 18, "name": "dog"}],
        ... }
        >>> _ = (folder / "refs(unc).json").write_text(json.dumps(references))
        >>> _ = (folder / "instances.json").write_text(json.dumps(instances))
        >>> corpus = load_refcoco(folder, "testB", check_pictures=False)
        >>> corpus.texts, corpus.grounding.phrase_boxes.tolist()
        (['left dog'], [[10.0, 20.0, 40.0, 60.0]])
    """
    for argument, value, known in (("split", split, _SPLITS), ("split_by", split_by, _SPLIT_BY)):
        if value not in known:
            raise ValueError(
                f"`{argument}` must be one of {', '.join(known)}. Received: {value!r:.80}"
            )
    directory = Path(directory)
    references = _references(directory, split, split_by)
    file = directory / "instances.json"
    instances = read_json(file)
    images, annotations, categories = (
        items_by_id(str(file), instances, name, kind)
        for name, kind in (
            ("images", "image"),
            ("annotations", "annotation"),
            ("categories", "category"),
        )
    )
    names = {id: field(where, item, "name", str) for id, (where, item) in categories.items()}

    gathered = GroundedPictures()
    pictures: dict[int, int] = {}
    sizes: dict[int, tuple[int, int]] = {}
    for where, reference in references:
        _known(file, annotations, reference["ann_id"], "annotation", where)
        id = reference["image_id"]
        if id not in pictures:
            place, image = _known(file, images, id, "image", where)
            sizes[id] = tuple(field(place, image, side, int) for side in ("width", "height"))
            if min(sizes[id]) < 1:
                raise ValueError(f"{place}: the size must be positive. Received: {sizes[id]}")
            path = picture_path(
                directory / picture_folder,
                field(place, image, "file_name", str),
                place,
                check_pictures,
            )
            pictures[id] = gathered.add_picture(path, sizes[id])

    regions: dict[int, int] = {}
    referred = {reference["ann_id"] for _, reference in references}
    for id, (where, annotation) in annotations.items():
        image = field(where, annotation, "image_id", int)
        if image in pictures:
            box = _xyxy(where, annotation)
            # COCO has a few boxes without an area, which no phrase can be about.
            if id in referred or _has_area(box, sizes[image]):
                category = field(where, annotation, "category_id", int)
                regions[id] = gathered.add_region(
                    pictures[image],
                    box,
                    where,
                    annotation=id,
                    picture=image,
                    category=_known(file, names, category, "category", where),
                )

    for where, reference in references:
        _, annotation = annotations[reference["ann_id"]]
        if annotation["image_id"] != reference["image_id"]:
            raise ValueError(
                f"{where}: its annotation {reference['ann_id']} must be of its image "
                f"{reference['image_id']}. Received: image {annotation['image_id']} in {file}"
            )
        for sentence in field(where, reference, "sentences", list):
            gathered.add_phrase(
                pictures[reference["image_id"]],
                field(where, sentence, "sent", str),
                [regions[reference["ann_id"]]],
                categories=[names[annotation["category_id"]]],
                sentence=field(where, sentence, "sent_id", int),
                reference=reference["ref_id"],
                picture=reference["image_id"],
                split=reference["split"],
            )
    return gathered.corpus()


def _references(directory: Path, split: str, split_by: str) -> list[tuple[str, dict]]:
    """Returns the references of the split, each with its file and id for error messages."""
    file = directory / f"refs({split_by}).json"
    if file.is_file():
        values = read_json(file)
    else:
        file = file.with_suffix(".p")
        values = load_plain_pickle(file)
    references: dict[int, tuple[str, dict]] = {}
    for number, reference in enumerate(_items(str(file), values)):
        id = field(f"{file}, reference number {number}", reference, "ref_id", int)
        where = f"{file}, reference {id}"
        if id in references:
            raise ValueError(f"{where} comes twice")
        for name, kind in (("ann_id", int), ("image_id", int), ("split", str)):
            field(where, reference, name, kind)
        references[id] = where, reference
    wanted = "val" if split == "validation" else split
    chosen = [
        (where, reference)
        for where, reference in references.values()
        if reference["split"] == wanted
        or (split == "test" and reference["split"].startswith("test"))
    ]
    if not chosen:
        known = ", ".join(sorted({reference["split"] for _, reference in references.values()}))
        raise ValueError(
            f"`split` must be one of those that {file} has: {known}. Received: {split!r:.80}"
        )
    return chosen


def _xyxy(where: str, annotation: dict) -> list[float]:
    box = field(where, annotation, "bbox", list)
    numbers = len(box) == 4 and all(type(value) in (int, float) for value in box)
    if not numbers or min(box[2:]) < 0:
        raise ValueError(
            f"{where}: 'bbox' must be four numbers, width and height not negative. "
            f"Received: {box!r:.80}"
        )
    try:
        left, top, width, height = map(float, box)
    except OverflowError:
        raise ValueError(f"{where}: 'bbox' must be finite. Received: {box!r:.80}") from None
    return [left, top, left + width, top + height]


def _has_area(box: list[float], size: tuple[int, int]) -> bool:
    # True for NaN too, which `GroundedPictures` then refuses.
    return not any(min(box[i + 2], size[i]) <= max(box[i], 0) for i in (0, 1))


def _items(where: str, values: object) -> list:
    if not isinstance(values, list):
        raise ValueError(f"{where}: expected a list. Received: {type(values).__name__}")
    return values


def _known(file: Path, known: Mapping[int, Any], id: int, kind: str, where: str):
    if id not in known:
        raise ValueError(f"{where}: {file} has no {kind} {id}")
    return known[id]
