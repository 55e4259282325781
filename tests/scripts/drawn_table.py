"""A table of small drawn pictures, each with two texts."""

import csv

import numpy as np
import tensorflow as tf

COLORS = {"red": (220, 30, 30), "green": (30, 180, 60), "blue": (30, 60, 220), "grey": (90,) * 3}
SHAPES = {
    "square": lambda x, y: (abs(x) < 15) & (abs(y) < 15),
    "disc": lambda x, y: x**2 + y**2 < 300,
    "stripe": lambda x, y: abs(y) < 7,
    "cross": lambda x, y: (abs(x) < 6) | (abs(y) < 6),
    "ring": lambda x, y: (x**2 + y**2 < 400) & (x**2 + y**2 > 150),
}


def write_table(folder):
    """Writes twenty pictures, four colours of five shapes; a shape is a split."""
    (folder / "pictures").mkdir()
    y, x = np.mgrid[:48, :48] - 23.5
    with (folder / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "text", "split"])
        for color, rgb in COLORS.items():
            for shape, inside in SHAPES.items():
                pixels = np.where(inside(x, y)[..., None], rgb, 255).astype(np.uint8)
                path = f"pictures/{color}_{shape}.png"
                (folder / path).write_bytes(tf.io.encode_png(pixels).numpy())
                split = {"cross": "validation", "ring": "test"}.get(shape, "train")
                table.writerow([path, f"a {color} {shape}", split])
                table.writerow([path, f"{shape} <in> {color}", split])


def write_damaged_table(folder):
    """Writes a table of which one picture is damaged, and a folder with it."""
    (folder / "damaged").mkdir()
    whole = (folder / "pictures" / "red_disc.png").read_bytes()
    other = (folder / "pictures" / "blue_disc.png").read_bytes()
    (folder / "damaged" / "a.png").write_bytes(other)
    (folder / "damaged" / "x.png").write_bytes(whole[:60])
    (folder / "damaged.csv").write_text(
        "image,text,split\ndamaged/a.png,a,train\ndamaged/x.png,x,train\ndamaged/a.png,b,train\n"
        "pictures/red_disc.png,c,validation\n"
    )
