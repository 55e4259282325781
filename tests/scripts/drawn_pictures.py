"""Small drawn pictures of three shapes, whose boxes are known."""

import numpy as np

WIDTH, HEIGHT = 96, 80
COLORS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 60, 220)}
SHAPES = {
    "square": lambda x, y: (abs(x) < 13) & (abs(y) < 13),
    "disc": lambda x, y: x**2 + y**2 < 169,
    "stripe": lambda x, y: (abs(x) < 13) & (abs(y) < 6),
}
CENTRES = [(20, 20), (70, 22), (46, 58)]


def drawn(number):
    """A picture of three shapes on noise: pixels, and a (colour, shape, box xywh) for each."""
    random = np.random.default_rng(number)
    pixels = random.integers(190, 215, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    objects = []
    for (column, row), color, shape in zip(
        CENTRES, random.permutation(list(COLORS)), random.permutation(list(SHAPES))
    ):
        inside = SHAPES[shape](x - column - random.integers(-4, 5), y - row)
        pixels[inside] = COLORS[color]
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        box = [columns[0], rows[0], len(columns), len(rows)]
        objects.append((color, shape, [int(side) for side in box]))
    return pixels, objects
