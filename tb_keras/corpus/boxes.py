"""Functions of boxes: intersection over union, area, formats.

A box is float `(4,)` xyxy in pixels: left, top, right, bottom. The right and bottom edges lie just
outside the box, so its area is (right − left) · (bottom − top).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "FORMATS",
    "area",
    "centers",
    "clip",
    "contains",
    "convert",
    "elementwise_iou",
    "iou",
    "spatial_features",
    "union",
]

FORMATS = ("xyxy", "xywh", "rel_xyxy", "rel_xywh")
"""The formats of `convert`: corners, or corner and size, in pixels or in shares of the picture."""


def iou(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Returns the intersection over union of every pair of boxes.

    Args:
        a: float `(n, 4)` xyxy.
        b: float `(m, 4)` xyxy.

    Returns:
        float `(n, m)` in [0, 1]; 0 if both boxes are empty, NaN if one is NaN.

    Raises:
        ValueError: if an argument has another shape.

    Examples:
        >>> iou([[0, 0, 2, 2]], [[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]]).round(2)
        array([[1.  , 0.33, 0.  ]])
    """
    a, b = (_checked(name, boxes) for name, boxes in (("a", a), ("b", b)))
    for name, boxes in (("a", a), ("b", b)):
        if boxes.ndim != 2:
            raise ValueError(f"`{name}` must have shape (n, 4). Received: shape={boxes.shape}")
    return elementwise_iou(a[:, None], b[None])


def elementwise_iou(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Returns the intersection over union of boxes at the same place of two arrays.

    Args:
        a: float `(..., 4)` xyxy.
        b: float `(..., 4)` xyxy. All axes but the last broadcast.

    Returns:
        float `(...)` in [0, 1]; 0 if both boxes are empty, NaN if one is NaN.

    Examples:
        >>> float(elementwise_iou([0, 0, 4, 1], [1, 0, 4, 1]))
        0.75
    """
    a, b = _checked("a", a), _checked("b", b)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    intersection = np.maximum(sides, 0).prod(axis=-1)
    union = area(a) + area(b) - intersection
    return intersection / np.where(union == 0, 1, union)


def area(boxes: ArrayLike) -> np.ndarray:
    """Returns the area of each box.

    Args:
        boxes: float `(..., 4)` xyxy.

    Returns:
        float `(...)`, in square pixels.

    Examples:
        >>> float(area([1, 1, 3, 5]))
        8.0
    """
    boxes = _checked("boxes", boxes)
    return np.maximum(boxes[..., 2:] - boxes[..., :2], 0).prod(axis=-1)


def centers(boxes: ArrayLike) -> np.ndarray:
    """Returns the centre (x, y) of each box.

    Args:
        boxes: float `(..., 4)` xyxy.

    Returns:
        float `(..., 2)`.

    Examples:
        >>> centers([1, 1, 3, 5])
        array([2., 3.])
    """
    boxes = _checked("boxes", boxes)
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def contains(boxes: ArrayLike, points: ArrayLike) -> np.ndarray:
    """Returns whether each box contains the point at the same place.

    Args:
        boxes: float `(..., 4)` xyxy.
        points: float `(..., 2)`, x and y. All axes but the last broadcast.

    Returns:
        bool `(...)`.

    Examples:
        >>> contains([0, 0, 2, 2], [[1, 1], [2, 2]])
        array([ True, False])
    """
    boxes, points = _checked("boxes", boxes), np.asarray(points, float)
    inside = (boxes[..., :2] <= points) & (points < boxes[..., 2:])
    return np.all(inside, axis=-1)


def union(boxes: ArrayLike) -> np.ndarray:
    """Returns the smallest box around all boxes.

    In Flickr30K Entities, the true box of a phrase with several boxes ("three men") is their union.

    Args:
        boxes: float `(n, 4)` xyxy, n > 0.

    Returns:
        float `(4,)` xyxy.

    Raises:
        ValueError: if there is no box.

    Examples:
        >>> union([[0, 5, 2, 6], [1, 1, 3, 2]])
        array([0., 1., 3., 6.])
    """
    boxes = _checked("boxes", boxes)
    if boxes.ndim != 2 or not len(boxes):
        raise ValueError(f"`boxes` must have shape (n, 4), n > 0. Received: shape={boxes.shape}")
    return np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])


def clip(boxes: ArrayLike, sizes: ArrayLike) -> np.ndarray:
    """Returns the parts of boxes that lie within their pictures.

    Args:
        boxes: float `(..., 4)` xyxy.
        sizes: `(2,)` or `(..., 2)`, width and height of the pictures in pixels.

    Returns:
        float `(..., 4)` xyxy. A box outside its picture becomes an empty box at the border.

    Examples:
        >>> clip([[-1, 2, 30, 9]], sizes=(20, 10))
        array([[ 0.,  2., 20.,  9.]])
    """
    boxes, sizes = _checked("boxes", boxes), np.asarray(sizes)
    return np.clip(boxes, 0, np.concatenate([sizes, sizes], axis=-1))


def convert(
    boxes: ArrayLike, source: str, target: str = "xyxy", sizes: ArrayLike | None = None
) -> np.ndarray:
    """Converts boxes from one format to another.

    Args:
        boxes: float `(..., 4)`.
        source: the format of `boxes`, by its name in Keras: `"xyxy"` (left, top, right, bottom) or
            `"xywh"` (left, top, width, height) in pixels, `"rel_xyxy"` or `"rel_xywh"` in shares of
            the picture's width and height.
        target: the format of the result.
        sizes: `(2,)` or `(..., 2)`, width and height of the pictures. Needed to convert between
            pixels and shares.

    Returns:
        float `(..., 4)`.

    Raises:
        ValueError: if a format is unknown, or `sizes` is missing where it is needed.

    Examples:
        >>> convert([[10, 20, 30, 40]], "xywh", "rel_xyxy", sizes=(100, 100))
        array([[0.1, 0.2, 0.4, 0.6]])
    """
    for argument, name in (("source", source), ("target", target)):
        if name not in FORMATS:
            raise ValueError(
                f"`{argument}` must be one of {', '.join(FORMATS)}. Received: {name!r}"
            )
    boxes = _checked("boxes", boxes)
    if source.startswith("rel") != target.startswith("rel"):
        if sizes is None:
            raise ValueError(f"`sizes` must be given to convert {source} to {target}.")
        sizes = np.asarray(sizes, float)
        scale = np.concatenate([sizes, sizes], axis=-1)
        boxes = boxes * scale if source.startswith("rel") else boxes / scale
    if source.endswith("xywh") and target.endswith("xyxy"):
        return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)
    if source.endswith("xyxy") and target.endswith("xywh"):
        return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)
    return boxes.copy()


def spatial_features(boxes: ArrayLike, sizes: ArrayLike) -> np.ndarray:
    """Returns features that say where a box lies in its picture.

    Args:
        boxes: float `(..., 4)` xyxy.
        sizes: `(2,)` or `(..., 2)`, width and height of the pictures.

    Returns:
        float32 `(..., 5)`: left, top, width, height and area, as shares of the picture's. They are
        in [0, 1] for a box within its picture.

    Examples:
        >>> spatial_features([0, 50, 50, 100], sizes=(100, 100))
        array([0.  , 0.5 , 0.5 , 0.5 , 0.25], dtype=float32)
    """
    relative = convert(boxes, "xyxy", "rel_xywh", sizes)
    share = relative[..., 2:].prod(axis=-1, keepdims=True)
    return np.concatenate([relative, share], axis=-1).astype(np.float32)


def _checked(argument: str, boxes: ArrayLike) -> np.ndarray:
    boxes = np.asarray(boxes)
    if boxes.ndim < 1 or boxes.shape[-1] != 4:
        raise ValueError(f"`{argument}` must have shape (..., 4). Received: shape={boxes.shape}")
    # Half precision holds no area above 65504, and no odd coordinate above 2048.
    return boxes if boxes.dtype in (np.float32, np.float64) else boxes.astype(float)


def __dir__() -> list[str]:
    return __all__
