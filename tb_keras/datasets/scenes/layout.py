"""The plan of a scene: its objects, their sizes and places."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tb_keras.datasets.scenes.subjects import Subject, confusable

OBJECTS = (4, 7)  # least and most objects of a scene
SIDES = (36, 140)  # least and most pixels of an object's longer side
LARGEST_SHARE = 0.47  # most of the canvas's shorter side that an object's longer side may take
MOST_COVERED = 0.15  # most of the smaller box that another may cover; their IoU is less than 0.1

_SCENES_WITH_COPIES = 0.66  # share of the scenes with five objects or more; about half of all
_TRIES = 60  # places that are tried for an object before all objects become smaller


def casts(
    subjects: Sequence[Subject],
    groups: Mapping[str, int],
    scenes: int,
    random: Callable[[str, int], np.random.Generator],
) -> list[list[Subject]]:
    """Returns the objects of each scene: 4 to 7, of which two or three may show the same subject.

    The subjects are dealt like cards, so each comes once before any comes again. A subject that
    could be confused with another one of the scene, by its name or as a sibling, waits for the next
    scene.

    Args:
        subjects: the subjects of the split.
        groups: dict of emoji → the group of its siblings.
        scenes: int, the number of scenes. The first scenes do not depend on it.
        random: function that returns the random generator for a purpose and a number.

    Returns:
        A list of subjects for each scene. Copies come first, and at least three subjects have none.
    """
    deck: list[Subject] = []
    dealt = _shuffled_cycles(subjects, random)
    cast = []
    for scene in range(scenes):
        rng = random("cast", scene)
        objects = int(rng.integers(OBJECTS[0], OBJECTS[1] + 1))
        copies = 1
        if objects >= 5 and rng.random() < _SCENES_WITH_COPIES:
            copies = 3 if objects >= 6 and rng.random() < 0.4 else 2
        chosen: list[Subject] = []
        waiting: list[Subject] = []
        while len(chosen) < objects - copies + 1:
            card = deck.pop(0) if deck else next(dealt)
            fits = not any(
                groups[card.emoji] == groups[other.emoji] or confusable(card, other)
                for other in chosen
            )
            (chosen if fits else waiting).append(card)
        deck = waiting + deck
        cast.append([chosen[0]] * (copies - 1) + chosen)
    return cast


def longer_sides(copies: int, objects: int, width: int, height: int, rng) -> np.ndarray:
    """Draws the pixels of each object's longer side, int `(objects,)`, log-uniform.

    The first `copies` objects show the same subject. Half of them have the size of the first.
    """
    most = min(SIDES[1], int(LARGEST_SHARE * min(width, height)))
    sides = np.exp(rng.uniform(np.log(SIDES[0]), np.log(most), objects)).round().astype(int)
    sides[1:copies] = np.where(rng.random(copies - 1) < 0.5, sides[0], sides[1:copies])
    return np.clip(sides, SIDES[0], most)


def place(
    sizes: Sequence[tuple[int, int]], width: int, height: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Draws places for objects, of which none covers more than 15% of another.

    Args:
        sizes: `k` widths and heights in pixels. The first is placed first.
        width: int, width of the canvas in pixels.
        height: int, height of the canvas in pixels.
        rng: the random generator.

    Returns:
        int `(k, 4)` xyxy, boxes within the canvas, or None if there was no place for one.

    Examples:
        >>> place([(40, 30)], 40, 30, np.random.default_rng(0))
        array([[ 0,  0, 40, 30]])
    """
    placed = np.empty((0, 4), int)
    for size in np.asarray(sizes):
        corners = rng.integers(0, [width - size[0] + 1, height - size[1] + 1], (_TRIES, 2))
        for box in np.concatenate([corners, corners + size], axis=1):
            sides = np.minimum(box[2:], placed[:, 2:]) - np.maximum(box[:2], placed[:, :2])
            areas = np.prod(placed[:, 2:] - placed[:, :2], axis=1)
            covered = np.maximum(sides, 0).prod(axis=1)
            if (covered <= MOST_COVERED * np.minimum(areas, size.prod())).all():
                placed = np.concatenate([placed, box[None]])
                break
        else:
            return None
    return placed


def _shuffled_cycles(subjects: Sequence[Subject], random) -> Iterator[Subject]:
    cycle = 0
    while True:
        yield from (subjects[row] for row in random("cycle", cycle).permutation(len(subjects)))
        cycle += 1
