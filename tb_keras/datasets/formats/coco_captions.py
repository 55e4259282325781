"""Captions in the form of MSCOCO's files: a list of images, and a list of annotations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

from tb_keras.datasets.captioned_pictures import Caption
from tb_keras.datasets.formats.json_fields import field, items_by_id


class CocoPicture(NamedTuple):
    """A picture with its captions.

    Attributes:
        file: its "file_name".
        id: its id.
        captions: its captions in order, with the text attribute "id"; there may be none.
        where: the file and the image's id, for error messages.
    """

    file: str
    id: int
    captions: list[Caption]
    where: str


def coco_captions(path: str | os.PathLike, content: object) -> Iterator[CocoPicture]:
    """Yields the pictures of a file in the order of its "images".

    Args:
        path: the file, for error messages.
        content: what it holds, as JSON.

    Raises:
        ValueError: if an id comes twice, a field is missing or of another type, a caption has no
            image, or there is no image.

    Examples:
        >>> content = {
        ...     "images": [{"id": 7, "file_name": "7.jpg"}],
        ...     "annotations": [{"id": 1, "image_id": 7, "caption": "A dog."}],
        ... }
        >>> [(p.file, [c.text for c in p.captions]) for p in coco_captions("a.json", content)]
        [('7.jpg', ['A dog.'])]
    """
    images = items_by_id(str(path), content, "images", "image")
    captions: dict[int, list[Caption]] = {id: [] for id in images}
    annotations = items_by_id(str(path), content, "annotations", "annotation")
    for id, (where, item) in annotations.items():
        image = field(where, item, "image_id", int)
        if image not in images:
            raise ValueError(f"{where}: {path} has no image {image}")
        caption = Caption(field(where, item, "caption", str), where, {"id": id})
        captions[image].append(caption)
    if not images:
        raise ValueError(f"{path} holds no image")
    for id, (where, image) in images.items():
        yield CocoPicture(field(where, image, "file_name", str), id, captions[id], where)
