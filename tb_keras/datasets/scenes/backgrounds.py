"""Backgrounds of the scenes: gradients, horizons, clouds, stripes, tiles and dots."""

from __future__ import annotations

import colorsys

import numpy as np

BACKGROUNDS = ("gradient", "horizon", "clouds", "stripes", "tiles", "dots")


def background(kind: str, width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Returns a canvas in two or three pale colours that go together.

    Args:
        kind: one of `BACKGROUNDS`.
        width: int, in pixels.
        height: int, in pixels.
        rng: the random generator.

    Returns:
        uint8 `(height, width, 3)`.

    Examples:
        >>> background("tiles", 8, 6, np.random.default_rng(0)).shape
        (6, 8, 3)
    """
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    first, second, third = _palette(rng)
    mixed = _PAINTERS[kind](x, y, rng)[..., None]  # 0 is the first colour, 1 the second
    canvas = (1 - mixed) * first + mixed * second
    if kind == "horizon":
        line = height * rng.uniform(0.4, 0.75)
        waves = height * rng.uniform(0, 0.06) * np.sin(x / width * rng.uniform(3, 9) + first[0])
        depth = np.clip((y - line) / height, 0, 1)[..., None]
        canvas = np.where((y > line + waves)[..., None], third * (1 - 0.4 * depth), canvas)
    if rng.random() < 0.3:
        canvas = canvas + rng.normal(0, rng.uniform(1, 4), canvas.shape)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8)


def _palette(rng: np.random.Generator) -> list[np.ndarray]:
    hue, saturation, value = rng.random(), rng.uniform(0.04, 0.32), rng.uniform(0.78, 0.97)
    colours = [(hue, saturation, value)]
    colours.append((hue + rng.normal(0, 0.06), saturation * rng.uniform(0.5, 1.3), value - 0.12))
    colours.append((rng.random(), rng.uniform(0.1, 0.35), rng.uniform(0.6, 0.85)))
    return [np.array(colorsys.hsv_to_rgb(h % 1, s, v)) * 255 for h, s, v in colours]


def _gradient(x, y, rng):
    along = _along(x, y, rng)
    return (along - along.min()) / max(np.ptp(along), 1)


def _horizon(x, y, rng):
    return y / max(y.max(), 1)


def _clouds(x, y, rng):
    from PIL import Image

    height, width = x.shape
    total = np.zeros(x.shape)
    for cells, weight in ((4, 1.0), (8, 0.5), (16, 0.25)):
        grid = rng.normal(size=(cells, cells)).astype(np.float32)
        total += weight * np.asarray(Image.fromarray(grid).resize((width, height), Image.BICUBIC))
    return np.clip(0.5 + total / 2, 0, 1)


def _stripes(x, y, rng):
    period = rng.uniform(24, 90)
    return ((_along(x, y, rng) % period) < period * rng.uniform(0.3, 0.7)).astype(float)


def _tiles(x, y, rng):
    side = int(rng.integers(24, 70))
    if rng.random() < 0.5:
        return ((x // side + y // side) % 2).astype(float)
    return ((x % side < 3) | (y % side < 3)).astype(float)


def _dots(x, y, rng):
    side = int(rng.integers(20, 48))
    shifted = x + (y // side % 2) * (side // 2)
    distance = np.hypot(shifted % side - side / 2, y % side - side / 2)
    return (distance < side * rng.uniform(0.15, 0.3)).astype(float)


def _along(x, y, rng):
    angle = rng.uniform(0, np.pi)
    return np.cos(angle) * x + np.sin(angle) * y


_PAINTERS = dict(zip(BACKGROUNDS, (_gradient, _horizon, _clouds, _stripes, _tiles, _dots)))
