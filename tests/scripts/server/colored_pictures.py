"""Pictures of one colour each, and a model that sees their colour."""

import io

import numpy as np
from PIL import Image

from tb_keras.corpus.boxes import iou

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "pink": (255, 128, 128)}

THING = [20, 10, 70, 60]  # xyxy


def picture(color, kind="PNG"):
    content = io.BytesIO()
    Image.new("RGB", (60, 40), COLORS[color]).save(content, kind)
    return content.getvalue()


def unit(rows):
    rows = np.asarray(rows, "float32")
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


class LocalizerOfThing:
    """Scores a region by its IoU with the thing."""

    def localize(self, path, boxes, phrases):
        return np.tile(iou(boxes, np.array([THING]))[:, 0], (len(phrases), 1))


class ColorModel:
    """Embeds a picture as its mean colour, and a text as that of the colour it names."""

    fingerprint = "colours"

    def embed_images(self, paths, verbose=True):
        opened = [Image.open(path).convert("RGB") for path in paths]
        return unit([np.asarray(image).mean(axis=(0, 1)) for image in opened])

    def embed_texts(self, texts, verbose=True):
        return unit([COLORS.get(text, (1, 1, 1)) for text in texts])

    def embed_text(self, text):
        return self.embed_texts([text])[0]

    def embed_picture(self, content):
        return self.embed_images([io.BytesIO(content)])[0]


def write_pictures(folder, names):
    """Writes a picture for each name of a file and its colour; returns the paths."""
    paths = []
    for name, color in names.items():
        paths.append(str(folder / name))
        (folder / name).write_bytes(picture(color))
    return paths


def write_thing(folder):
    """Writes a picture with a thing in it; returns its path."""
    image = Image.new("RGB", (120, 80), "white")
    image.paste(COLORS["red"], THING)
    image.save(folder / "thing.png")
    return str(folder / "thing.png")
