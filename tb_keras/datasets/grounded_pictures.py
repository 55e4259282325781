"""`GroundedPictures`: a corpus for localization made of pictures, boxes and phrases, one by one."""

from __future__ import annotations

import collections
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tb_keras.checks.arguments import first_false
from tb_keras.corpus import boxes
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.matches import Matches

_LARGEST = 2**31 - 1  # sides are int32


class GroundedPictures:
    """Gathers pictures with boxes and phrases into a corpus for localization.

    Its images are the boxes, called regions, and its texts are the phrases. Two equal boxes are two
    regions, and two equal phrases are two texts.

    Examples:
        >>> gathered = GroundedPictures()
        >>> park = gathered.add_picture("park.jpg", (640, 480))
        >>> dogs = [
        ...     gathered.add_region(park, box, "a.xml") for box in ([0, 0, 9, 9], [9, 5, 20, 30])
        ... ]
        >>> gathered.add_phrase(park, "two dogs", dogs, sentence=0)
        >>> gathered.add_phrase(park, "each other", [], sentence=0)
        >>> corpus = gathered.corpus()
        >>> corpus
        Corpus(2 images, 2 texts, 2 pairs; texts, grounding in 1 pictures)
        >>> corpus.grounding.phrase_boxes.tolist()
        [[0.0, 0.0, 20.0, 30.0], [nan, nan, nan, nan]]
    """

    def __init__(self):
        self._picture_paths, self._picture_sizes = [], []
        self._region_pictures, self._region_boxes, self._region_origins = [], [], []
        self._phrase_pictures, self._texts = [], []
        self._pairs = []
        self._image_attributes = collections.defaultdict(list)
        self._text_attributes = collections.defaultdict(list)

    def add_picture(self, path: str | os.PathLike, size: tuple[int, int]) -> int:
        """Adds a picture and returns its index.

        Args:
            path: the picture's file.
            size: its width and height in pixels.
        """
        if max(size) > _LARGEST:
            raise ValueError(
                f"{str(path)!r:.200} must have at most {_LARGEST} pixels on a side. "
                f"Received: {size!r:.80}"
            )
        self._picture_paths.append(str(path))
        self._picture_sizes.append(size)
        return len(self._picture_paths) - 1

    def add_region(self, picture: int, box: Sequence[float], where: str, /, **attributes) -> int:
        """Adds a region and returns its index.

        Args:
            picture: the index of its picture.
            box: four floats, xyxy in pixels.
            where: the box's file, and its line or id, for error messages.
            **attributes: the region's image attributes. All regions have the same names.
        """
        try:
            self._region_boxes.append(list(map(float, box)))
        except OverflowError:
            raise ValueError(f"{where}: expected a finite box. Received: {box!r:.80}") from None
        self._region_pictures.append(picture)
        self._region_origins.append(where)
        for name, value in attributes.items():
            self._image_attributes[name].append(value)
        return len(self._region_pictures) - 1

    def add_phrase(self, picture: int, text: str, regions: Sequence[int], /, **attributes) -> None:
        """Adds a phrase. It matches its regions, and its true box is their union.

        Args:
            picture: the index of its picture.
            text: the phrase.
            regions: the indices of its regions; none for a phrase without a box.
            **attributes: the phrase's text attributes. All phrases have the same names.
        """
        self._pairs += [(region, len(self._texts)) for region in regions]
        self._phrase_pictures.append(picture)
        self._texts.append(text)
        for name, value in attributes.items():
            self._text_attributes[name].append(value)

    def corpus(self) -> Corpus:
        """Returns the corpus of everything that was added.

        Some annotations reach over the border of their picture. They are cut off there.

        Raises:
            ValueError: if a box is not finite, has its sides in the wrong order, or lies outside
                its picture.
        """
        pairs = np.array(self._pairs, np.int64).reshape(-1, 2)
        region_boxes = self._boxes_in_pictures()
        return Corpus(
            Matches(pairs, len(self._region_pictures), len(self._texts)),
            texts=self._texts,
            image_attributes=dict(self._image_attributes),
            text_attributes=dict(self._text_attributes),
            grounding=Grounding(
                self._picture_paths,
                np.array(self._picture_sizes),
                np.array(self._region_pictures),
                region_boxes,
                np.array(self._phrase_pictures),
                _unions(region_boxes[pairs[:, 0]], pairs[:, 1], len(self._texts)),
            ),
        )

    def _boxes_in_pictures(self) -> np.ndarray:
        """Returns float `(n, 4)` xyxy, the part of each box that lies in its picture."""
        found = np.array(self._region_boxes, float).reshape(-1, 4)
        sizes = np.array(self._picture_sizes, int).reshape(-1, 2)
        sizes = sizes[np.array(self._region_pictures, int)]
        in_order = np.isfinite(found).all(axis=1) & (found[:, :2] <= found[:, 2:]).all(axis=1)
        clipped = boxes.clip(found, sizes)
        for right, expected in (
            (in_order, "a finite box, from left to right and from top to bottom"),
            (boxes.area(clipped) > 0, "a box with an area in its picture of {} x {} pixels"),
        ):
            row = first_false(right)
            if row is not None:
                raise ValueError(
                    f"{self._region_origins[row]}: expected {expected.format(*sizes[row])}. "
                    f"Received: {found[row].tolist()} (xyxy)"
                )
        return clipped


def _unions(parts: np.ndarray, owners: np.ndarray, size: int) -> np.ndarray:
    """Returns float `(size, 4)` xyxy, the union of each owner's parts; NaN where it has none."""
    found = np.tile([np.inf, np.inf, -np.inf, -np.inf], (size, 1))
    np.minimum.at(found[:, :2], owners, parts[:, :2])
    np.maximum.at(found[:, 2:], owners, parts[:, 2:])
    return np.where(np.isfinite(found), found, np.nan)


def picture_path(folder: Path, name: str, named_by: str, check: bool) -> Path:
    """Returns the path of a picture's file.

    Args:
        folder: the folder of the pictures.
        name: the name of the file.
        named_by: the file, and the line or key, that names the picture, for the error message.
        check: bool, whether the picture must exist.

    Raises:
        FileNotFoundError: if it must exist and does not.
    """
    path = folder / name
    if check and not path.is_file():
        raise FileNotFoundError(f"There is no picture '{path}', which {named_by} names")
    return path
