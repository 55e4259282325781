"""Where the regions and the phrases of a corpus are: in which picture, in which box."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras import boxes
from tb_keras.matches import Matches

_CHECKED_PAIRS = 2**20  # pairs of a region and a phrase that are compared at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Grounding:
    """The pictures behind a corpus whose images are regions and whose texts are phrases.

    Args:
        picture_paths: `p` paths of picture files.
        picture_sizes: int `(p, 2)`, width and height of each in pixels.
        region_pictures: int `(n,)`, the picture of each region.
        region_boxes: float `(n, 4)` xyxy in pixels.
        phrase_pictures: int `(m,)`, the picture of each phrase.
        phrase_boxes: float `(m, 4)` xyxy, where each phrase truly is (the union where it has
            several boxes); a row of NaN for a phrase without a box.

    Raises:
        ValueError: if lengths or shapes disagree, a picture is out of range, or a box is turned
            round (right of its left, below its top); the message names the row.

    Example:

    >>> grounding = Grounding(["park.jpg"], [[640, 480]], region_pictures=[0, 0],
    ...                       region_boxes=[[0, 0, 100, 100], [300, 200, 400, 300]],
    ...                       phrase_pictures=[0], phrase_boxes=[[10, 0, 100, 100]])
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
        for name, kind, width in (
            ("picture_sizes", np.int32, 2),
            ("region_pictures", np.int32, None),
            ("region_boxes", np.float32, 4),
            ("phrase_pictures", np.int32, None),
            ("phrase_boxes", np.float32, 4),
        ):
            shape = (-1,) if width is None else (-1, width)
            array = np.asarray(getattr(self, name))
            if array.size and array.shape[1:] != shape[1:]:
                expected = "(n,)" if width is None else f"(n, {width})"
                raise ValueError(f"`{name}` must have shape {expected}. Received: {array.shape}")
            object.__setattr__(self, name, array.reshape(shape).astype(kind))
        if len(self.picture_sizes) != len(self.picture_paths):
            raise ValueError(
                f"`picture_sizes` must have {len(self.picture_paths)} rows, as `picture_paths`. "
                f"Received: {len(self.picture_sizes)}"
            )
        for kind in ("region", "phrase"):
            pictures, kind_boxes = (getattr(self, f"{kind}_{n}") for n in ("pictures", "boxes"))
            if len(pictures) != len(kind_boxes):
                raise ValueError(
                    f"`{kind}_boxes` must have {len(pictures)} rows, as `{kind}_pictures`. "
                    f"Received: {len(kind_boxes)}"
                )
            _check_rows(
                f"{kind}_pictures",
                (pictures >= 0) & (pictures < len(self.picture_paths)),
                pictures,
                f"hold indices in [0, {len(self.picture_paths)})",
            )
            unknown = np.isnan(kind_boxes).all(axis=1) & (kind == "phrase")
            right = (kind_boxes[:, :2] <= kind_boxes[:, 2:]).all(axis=1) & np.isfinite(
                kind_boxes
            ).all(axis=1)
            _check_rows(f"{kind}_boxes", right | unknown, kind_boxes, "be finite xyxy boxes")

    @property
    def num_pictures(self) -> int:
        """Number of pictures."""
        return len(self.picture_paths)

    @property
    def has_box(self) -> np.ndarray:
        """Bool `(m,)`, which phrases have a box."""
        return ~np.isnan(self.phrase_boxes[:, 0])

    def with_regions(self, region_pictures: ArrayLike, region_boxes: ArrayLike) -> Grounding:
        """Returns the same pictures and phrases with other regions, such as proposals."""
        return dataclasses.replace(
            self, region_pictures=region_pictures, region_boxes=region_boxes
        )

    def subset(self, regions: np.ndarray, phrases: np.ndarray) -> Grounding:
        """Returns the grounding of some regions and some phrases; all pictures stay."""
        return dataclasses.replace(
            self,
            region_pictures=self.region_pictures[regions],
            region_boxes=self.region_boxes[regions],
            phrase_pictures=self.phrase_pictures[phrases],
            phrase_boxes=self.phrase_boxes[phrases],
        )

    def same_picture_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns every pair of a region and a phrase of one picture: two int64 `(q,)` arrays.

        The pairs are in the order of the phrases, then of the regions.
        """
        belongs = Matches(
            np.stack([self.region_pictures, np.arange(len(self.region_pictures))], axis=1),
            self.num_pictures,
            len(self.region_pictures),
        )
        phrase, region = belongs.texts_of_each(self.phrase_pictures)
        return region.astype(np.int64), phrase

    def matches_by_iou(self, positive: float = 0.6, negative: float = 0.3) -> Matches:
        """Which regions match which phrases, by their overlap with the phrase's true box.

        Within a picture a region with IoU ≥ `positive` matches the phrase (the positive region
        augmentation of the paper, which gives a phrase several matches), one with IoU < `negative`
        is a negative, and those between are ignored. A phrase without a box ignores all regions of
        its picture. Pairs of different pictures are no matches; whether they are safe negatives is
        up to who makes the batches.

        Args:
            positive: least IoU of a match, in (0, 1].
            negative: least IoU of an ignored region, in [0, positive].

        Raises:
            ValueError: if a threshold is out of range.

        Reference:
            Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 4.2. 0.6 is the threshold of
            the released successor's code, 0.3 a choice made here.
        """
        if not 0 < positive <= 1 or not 0 <= negative <= positive:
            raise ValueError(
                "`positive` must be in (0, 1] and `negative` in [0, positive]. "
                f"Received: positive={positive}, negative={negative}"
            )
        regions, phrases = self.same_picture_pairs()
        overlap = np.empty(len(regions), np.float32)
        for start in range(0, len(regions), _CHECKED_PAIRS):
            some = slice(start, start + _CHECKED_PAIRS)
            overlap[some] = boxes.elementwise_iou(
                self.region_boxes[regions[some]], self.phrase_boxes[phrases[some]]
            )
        pairs = np.stack([regions, phrases], axis=1)
        matching = overlap >= positive
        return Matches(
            pairs[matching],
            len(self.region_pictures),
            len(self.phrase_pictures),
            ignored=pairs[~matching & ~(overlap < negative)],
        )


def _check_rows(argument: str, right: np.ndarray, values: np.ndarray, expected: str) -> None:
    if not right.all():
        row = int(np.argmin(right))
        raise ValueError(
            f"`{argument}` must {expected}. Received: {values[row].tolist()} in row {row}"
        )
