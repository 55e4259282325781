"""`Grounding`: the pictures and boxes of the regions and phrases of a corpus."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import first_false
from tb_keras.corpus import boxes
from tb_keras.corpus.adjacency import Adjacency
from tb_keras.corpus.columns import check_length, check_strings
from tb_keras.corpus.matches import Matches

_BLOCK_PAIRS = 2**20  # pairs of a region and a phrase that are compared at once


@dataclasses.dataclass(frozen=True, eq=False)
class Grounding:
    """The pictures that the regions and phrases of a corpus lie in, and their boxes.

    In such a corpus the images are regions and the texts are phrases.

    Args:
        picture_paths: `p` strings, as the `image_paths` of a `Corpus`.
        picture_sizes: int `(p, 2)`, width and height of each picture in pixels.
        region_pictures: int `(n,)`, the picture of each region.
        region_boxes: float `(n, 4)`, the box of each region, xyxy in pixels.
        phrase_pictures: int `(m,)`, the picture of each phrase.
        phrase_boxes: float `(m, 4)`, the true box of each phrase, xyxy in pixels: the union of its
            boxes where it has several, NaN where it has none.

    Raises:
        ValueError: if lengths or shapes disagree, a picture is out of range, or a box is not finite
            or has its right side left of its left side or its bottom above its top. The message
            names the row.

    Examples:
        >>> grounding = Grounding(
        ...     ["park.jpg"],
        ...     [[640, 480]],
        ...     region_pictures=[0, 0],
        ...     region_boxes=[[0, 0, 100, 100], [300, 200, 400, 300]],
        ...     phrase_pictures=[0],
        ...     phrase_boxes=[[10, 0, 100, 100]],
        ... )
        >>> grounding.matches_by_iou()
        Matches(2 images, 1 texts, 1 pairs, 0 ignored)
    """

    picture_paths: Sequence[str]
    picture_sizes: np.ndarray
    region_pictures: np.ndarray
    region_boxes: np.ndarray
    phrase_pictures: np.ndarray
    phrase_boxes: np.ndarray

    def __post_init__(self):
        check_strings("picture_paths", self.picture_paths)
        for name, width in (
            ("picture_sizes", 2),
            ("region_pictures", None),
            ("region_boxes", 4),
            ("phrase_pictures", None),
            ("phrase_boxes", 4),
        ):
            object.__setattr__(self, name, _checked_array(name, getattr(self, name), width))
        check_length("picture_sizes", self.picture_sizes, self.num_pictures, "picture_paths")
        positive = np.all(self.picture_sizes > 0, axis=1)
        _check_rows("picture_sizes", positive, self.picture_sizes, "be positive")
        for kind in ("region", "phrase"):
            pictures, kind_boxes = (getattr(self, f"{kind}_{n}") for n in ("pictures", "boxes"))
            check_length(f"{kind}_boxes", kind_boxes, len(pictures), f"{kind}_pictures")
            _check_rows(
                f"{kind}_pictures",
                (pictures >= 0) & (pictures < self.num_pictures),
                pictures,
                f"hold indices in [0, {self.num_pictures})",
            )
            unknown = np.isnan(kind_boxes).all(axis=1) & (kind == "phrase")
            right = (kind_boxes[:, :2] <= kind_boxes[:, 2:]) & np.isfinite(kind_boxes).all(
                axis=1, keepdims=True
            )
            _check_rows(
                f"{kind}_boxes", right.all(axis=1) | unknown, kind_boxes, "be finite xyxy boxes"
            )

    @property
    def num_pictures(self) -> int:
        """The number of pictures."""
        return len(self.picture_paths)

    @property
    def has_box(self) -> np.ndarray:
        """Which phrases have a box, bool `(m,)`."""
        return ~np.isnan(self.phrase_boxes[:, 0])

    def with_regions(self, region_pictures: ArrayLike, region_boxes: ArrayLike) -> Grounding:
        """Returns the same pictures and phrases with other regions, such as proposals.

        Args:
            region_pictures: int `(n,)`, the picture of each region.
            region_boxes: float `(n, 4)`, the box of each region, xyxy in pixels.
        """
        return dataclasses.replace(
            self, region_pictures=np.asarray(region_pictures), region_boxes=np.asarray(region_boxes)
        )

    def subset(self, regions: np.ndarray | slice, phrases: np.ndarray | slice) -> Grounding:
        """Returns the grounding of some regions and some phrases, with all pictures."""
        return dataclasses.replace(
            self,
            region_pictures=self.region_pictures[regions],
            region_boxes=self.region_boxes[regions],
            phrase_pictures=self.phrase_pictures[phrases],
            phrase_boxes=self.phrase_boxes[phrases],
        )

    def regions_per_phrase(self) -> np.ndarray:
        """Returns how many regions the picture of each phrase has, int `(m,)`."""
        counts = np.bincount(self.region_pictures, minlength=self.num_pictures)
        return counts[self.phrase_pictures]

    def same_picture_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns every pair of a region and a phrase in the same picture.

        Returns:
            Two int64 `(q,)` arrays, regions and phrases, sorted by phrase and then by region.
        """
        phrases, regions = self.regions_of_pictures().expand(self.phrase_pictures)
        return regions, phrases

    def matches_by_iou(self, positive_iou: float = 0.6, negative_iou: float = 0.3) -> Matches:
        """Returns which regions match which phrases, by their overlap with the phrase's true box.

        Within a picture, a region matches a phrase if its IoU with the phrase's box is at least
        `positive_iou`. It is a negative if the IoU is less than `negative_iou`. A region between
        the two thresholds is ignored. A phrase without a box ignores all regions of its picture.

        Pairs of different pictures are negatives in this relation. Whoever makes the batches
        decides whether they count.

        Args:
            positive_iou: least IoU of a match, in (0, 1].
            negative_iou: least IoU of an ignored region, in [0, positive_iou].

        Returns:
            A `Matches` of `n` regions and `m` phrases.

        Raises:
            ValueError: if a threshold is out of range.

        Reference:
            "Positive region augmentation" of Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019,
            section 4.2. The code of the released successor has the threshold 0.6; 0.3 is a choice
            made here.
        """
        if not 0 < positive_iou <= 1 or not 0 <= negative_iou <= positive_iou:
            raise ValueError(
                "`positive_iou` must be in (0, 1] and `negative_iou` in [0, positive_iou]. "
                f"Received: positive_iou={positive_iou}, negative_iou={negative_iou}"
            )
        regions_of = self.regions_of_pictures()
        matching, ignored = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2), np.int64)]
        step = max(1, _BLOCK_PAIRS // self.regions_per_phrase().max(initial=1))
        for first in range(0, len(self.phrase_pictures), step):
            phrases, regions = regions_of.expand(self.phrase_pictures[first : first + step])
            phrases += first
            overlap = boxes.elementwise_iou(self.region_boxes[regions], self.phrase_boxes[phrases])
            pairs = np.stack([regions, phrases], axis=1)
            matching.append(pairs[overlap >= positive_iou])
            ignored.append(pairs[~(overlap >= positive_iou) & ~(overlap < negative_iou)])
        return Matches(
            np.concatenate(matching),
            len(self.region_pictures),
            len(self.phrase_pictures),
            ignored=np.concatenate(ignored),
        )

    def regions_of_pictures(self) -> Adjacency:
        """Returns the regions of each picture as an `Adjacency`."""
        regions = np.arange(len(self.region_pictures))
        return Adjacency(self.region_pictures, regions, self.num_pictures)


def _checked_array(argument: str, values: ArrayLike, width: int | None) -> np.ndarray:
    """Returns boxes as float32, others as int32; the shape is `(n, width)`, or `(n,)` for None."""
    array = np.asarray(values)
    shape = (0,) if width is None else (0, width)
    if array.shape == (0,):
        array = array.reshape(shape)  # an empty list has no width
    if array.ndim != len(shape) or array.shape[1:] != shape[1:]:
        expected = "(n,)" if width is None else f"(n, {width})"
        raise ValueError(f"`{argument}` must have shape {expected}. Received: shape={array.shape}")
    if argument.endswith("boxes"):
        return array.astype(np.float32)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"`{argument}` must hold ints. Received: dtype={array.dtype}")
    largest = np.iinfo(np.int32).max
    fits = (array >= -largest) & (array <= largest)
    fits = fits if width is None else np.all(fits, axis=1)
    _check_rows(argument, fits, array, "hold int32 values")
    return array.astype(np.int32)


def _check_rows(argument: str, right: np.ndarray, values: np.ndarray, expected: str) -> None:
    row = first_false(right)
    if row is not None:
        raise ValueError(
            f"`{argument}` must {expected}. Received: {values[row].tolist()} in row {row}"
        )
