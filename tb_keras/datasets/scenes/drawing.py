"""The scenes as PNG files, which also hold the objects and their boxes."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tb_keras.datasets.openmoji.pictures import draw
from tb_keras.datasets.scenes.backgrounds import BACKGROUNDS, background
from tb_keras.datasets.scenes.layout import SIDES, longer_sides, place
from tb_keras.datasets.scenes.subjects import Subject
from tb_keras.storage.atomic_file import written_beside

_PICTURE_SIZE = 224  # pixels of an emoji before it is resized, as in `load_openmoji`
_FAINT = 24  # pixels with a lower alpha value, of 255, do not belong to an object
_KEY = "scene"  # the key of the objects in the text of a PNG file


class Scene(NamedTuple):
    """A scene.

    Attributes:
        path: its PNG file.
        emojis: `k` emoji, its objects.
        boxes: int `(k, 4)`, their boxes, xyxy in pixels.
    """

    path: str
    emojis: list[str]
    boxes: np.ndarray


def draw_scenes(
    casts: Sequence[Sequence[Subject]],
    folder: Path,
    pictures: str | os.PathLike,
    width: int,
    height: int,
    random: Callable[[str, int], np.random.Generator],
) -> list[Scene]:
    """Draws scenes to PNG files, unless they exist.

    Each file appears when it is complete, so an interrupted call can be continued. A file holds its
    objects and their boxes too, so that pixels and boxes cannot disagree.

    Args:
        casts: the objects of each scene.
        folder: the folder of the files `00000.png` and so on.
        pictures: the folder that keeps the OpenMoji pictures.
        width: int, width of a scene in pixels.
        height: int, height of a scene in pixels.
        random: function that returns the random generator for a purpose and a number.

    Returns:
        A `Scene` for each cast.
    """
    folder.mkdir(parents=True, exist_ok=True)
    there = set(os.listdir(folder))
    paths = [folder / f"{number:05}.png" for number in range(len(casts))]
    missing = [number for number, path in enumerate(paths) if path.name not in there]
    if missing:
        import keras

        needed = list(dict.fromkeys(subject.emoji for n in missing for subject in casts[n]))
        files = dict(zip(needed, draw(needed, pictures, _PICTURE_SIZE)))
        bar = keras.utils.Progbar(len(missing), unit_name="scene")
        for number in missing:
            emojis = [subject.emoji for subject in casts[number]]
            _draw(emojis, files, paths[number], width, height, random("drawing", number))
            bar.add(1)
    return [_read(path) for path in paths]


def stamp(picture: str, longer_side: int):
    """Returns an OpenMoji picture as it appears in a scene, an RGBA image without an empty rim.

    The picture is cropped, resized and cropped again, because resizing makes the rim faint. So the
    size of the image is the size of the exact box.

    Args:
        picture: the path of the picture.
        longer_side: int, pixels of the longer side before the second crop.
    """
    from PIL import Image

    drawn = _cut_out(picture)
    scale = longer_side / max(drawn.size)
    size = [max(1, round(side * scale)) for side in drawn.size]
    drawn = drawn.resize(size, Image.Resampling.LANCZOS)
    return drawn.crop(_visible(drawn))


def _draw(emojis, files, path: Path, width: int, height: int, rng: np.random.Generator) -> None:
    from PIL import Image, PngImagePlugin

    kind = BACKGROUNDS[rng.integers(len(BACKGROUNDS))]
    canvas = Image.fromarray(background(kind, width, height, rng)).convert("RGBA")
    sides = longer_sides(emojis.count(emojis[0]), len(emojis), width, height, rng)
    boxes = None
    while boxes is None:
        order = np.argsort(-sides, kind="stable")  # the smaller ones lie on top
        stamps = [stamp(files[emojis[row]], int(sides[row])) for row in order]
        boxes = place([image.size for image in stamps], width, height, rng)
        sides = np.maximum(SIDES[0], (0.9 * sides).astype(int))
    for image, box in zip(stamps, boxes):
        canvas.alpha_composite(image, (int(box[0]), int(box[1])))
    objects = [[emojis[row], *map(int, box)] for row, box in zip(order, boxes)]
    text = PngImagePlugin.PngInfo()
    text.add_text(_KEY, json.dumps(objects))
    with written_beside(path) as beside:
        canvas.convert("RGB").save(beside, pnginfo=text, compress_level=1)


def _read(path: Path) -> Scene:
    from PIL import Image

    with Image.open(path) as image:
        objects = json.loads(image.info[_KEY])
    return Scene(str(path), [o[0] for o in objects], np.array([o[1:] for o in objects]))


@functools.lru_cache(maxsize=256)
def _cut_out(picture: str):
    from PIL import Image

    with Image.open(picture) as image:
        drawn = image.convert("RGBA")
    return drawn.crop(_visible(drawn))


def _visible(drawn) -> tuple[int, int, int, int]:
    return drawn.getchannel("A").point(lambda alpha: 255 * (alpha >= _FAINT)).getbbox()
