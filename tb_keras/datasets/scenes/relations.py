"""Spatial relations and comparisons of boxes, as far as they are clear."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.boxes import centers

RELATIONS = ("left of", "right of", "above", "below", "closest to")
SUPERLATIVES = ("larger", "smaller", "leftmost", "rightmost", "topmost", "bottommost")
MUCH_LARGER = 1.3  # the larger box's longer side, over that of the next
MUCH_CLOSER = 1.5  # the distance of the next box, over that of the closest

_DIRECTIONS = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}
_EXTREMES = {"leftmost": (0, -1), "rightmost": (0, 1), "topmost": (1, -1), "bottommost": (1, 1)}


def holds(relation: str, boxes: ArrayLike, landmark: ArrayLike, gap: float) -> np.ndarray:
    """Returns which boxes are clearly left of, right of, above or below another one.

    The centre of such a box lies beyond the landmark's edge and at least `gap` pixels from its
    centre, and no farther across the direction than along it.

    Args:
        relation: one of the first four `RELATIONS`.
        boxes: float `(k, 4)` xyxy in pixels.
        landmark: float `(4,)` xyxy, the other box.
        gap: float, in pixels.

    Returns:
        bool `(k,)`.

    Examples:
        >>> holds("left of", [[0, 0, 10, 10], [0, 90, 10, 99]], [30, 0, 40, 10], gap=5)
        array([ True, False])
    """
    axis, sign = _DIRECTIONS[relation]
    offset = centers(boxes) - centers(landmark)
    along, across = sign * offset[..., axis], np.abs(offset[..., 1 - axis])
    half = (np.asarray(landmark)[2 + axis] - np.asarray(landmark)[axis]) / 2
    return (along > half) & (along >= gap) & (across <= along)


def only_one(relation: str, boxes: ArrayLike, landmark: ArrayLike, gap: float) -> int | None:
    """Returns the box that is clearly the only one in a relation to the landmark.

    A direction must hold for one box, and the centres of all others must lie at least `gap` pixels
    on the other side of the landmark's centre. The closest box must be at most two thirds as far
    from the landmark, from centre to centre, as the next.

    Args:
        relation: one of `RELATIONS`.
        boxes: float `(k, 4)` xyxy in pixels, k > 1.
        landmark: float `(4,)` xyxy, the other box.
        gap: float, in pixels.

    Returns:
        The index of the box, or None if there is no such box.

    Examples:
        >>> apples = [[0, 0, 10, 10], [90, 0, 99, 9]]
        >>> only_one("left of", apples, [30, 0, 40, 10], gap=5)
        0
        >>> only_one("left of", apples, [90, 50, 99, 60], gap=5)  # is the second one left of it?
    """
    offsets = centers(boxes) - centers(landmark)
    if relation == "closest to":
        distances = np.hypot(*offsets.T)
        nearest, next_nearest = np.argsort(distances, kind="stable")[:2]
        clear = distances[next_nearest] >= MUCH_CLOSER * distances[nearest]
        return int(nearest) if clear else None
    axis, sign = _DIRECTIONS[relation]
    holding = holds(relation, boxes, landmark, gap)
    opposite = sign * offsets[:, axis] <= -gap
    return int(np.argmax(holding)) if holding.sum() == 1 and (holding ^ opposite).all() else None


def superlative(word: str, boxes: ArrayLike, gap: float) -> int | None:
    """Returns the box that a superlative clearly means.

    The longer side of the larger box must be at least 1.3 times that of all others. The centre of
    the leftmost box must be at least `2 * gap` pixels left of all others, and so on.

    Args:
        word: one of `SUPERLATIVES`.
        boxes: float `(k, 4)` xyxy in pixels, k > 1.
        gap: float, in pixels.

    Returns:
        The index of the box, or None if there is no such box.

    Examples:
        >>> superlative("larger", [[0, 0, 10, 10], [0, 0, 10, 14]], gap=5)
        1
    """
    boxes = np.asarray(boxes)
    if word in _EXTREMES:
        axis, sign = _EXTREMES[word]
        ranked, least = sign * centers(boxes)[:, axis], 2 * gap
    else:
        sides = np.log((boxes[:, 2:] - boxes[:, :2]).max(axis=1))
        ranked, least = sides if word == "larger" else -sides, np.log(MUCH_LARGER)
    second, first = np.argsort(ranked, kind="stable")[-2:]
    return int(first) if ranked[first] - ranked[second] >= least else None
