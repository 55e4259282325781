"""Spatial relations and comparisons of boxes that hold clearly, or clearly do not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.boxes import centers

RELATIONS = ("left of", "right of", "above", "below", "closest to")
SUPERLATIVES = ("larger", "smaller", "leftmost", "rightmost", "topmost", "bottommost")
MUCH_LARGER = 1.3  # times the longer side of the next
MUCH_CLOSER = 1.5  # times as close as the next

_DIRECTIONS = {"left of": (0, -1), "right of": (0, 1), "above": (1, -1), "below": (1, 1)}
_EXTREMES = {"leftmost": (0, -1), "rightmost": (0, 1), "topmost": (1, -1), "bottommost": (1, 1)}


def holds(relation: str, boxes: ArrayLike, landmark: ArrayLike, gap: float) -> np.ndarray:
    """Returns bool `(k,)`, which boxes are clearly left of, right of, above or below another.

    So is a box whose centre lies beyond the landmark's edge and at least `gap` pixels from its
    centre, and no farther off across the direction than along it.

    Args:
        relation: one of the first four `RELATIONS`.
        boxes: `(k, 4)` xyxy in pixels.
        landmark: `(4,)` xyxy.
        gap: in pixels.

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
    """Returns the only box in a relation to the landmark, if there is one and no doubt.

    A direction must hold for one box (`holds`), and all others must lie clearly on the other side:
    their centres at least `gap` pixels beyond the landmark's. The closest must be at most two
    thirds as far from it, centre to centre, as the next.

    Args:
        relation: one of `RELATIONS`.
        boxes: `(k, 4)` xyxy in pixels, k > 1.
        landmark: `(4,)` xyxy.
        gap: in pixels.

    Examples:
        >>> apples = [[0, 0, 10, 10], [90, 0, 99, 9]]
        >>> only_one("left of", apples, [30, 0, 40, 10], gap=5)
        0
        >>> only_one("left of", apples, [90, 50, 99, 60], gap=5)  # is the second left of it or not?
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
    """Returns the box that a superlative clearly singles out, if there is one.

    The larger must have a longer side of at least 1.3 times all others'; the leftmost's centre must
    be at least twice `gap` pixels left of all others'; and so on.

    Args:
        word: one of `SUPERLATIVES`.
        boxes: `(k, 4)` xyxy in pixels, k > 1.
        gap: in pixels.

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
