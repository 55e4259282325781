"""Drawing scenes to PNG files once; each file also holds what stands in it and where."""

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

_PICTURE_SIZE = 224  # of the emoji before they are made smaller: what `load_openmoji` draws too
_FAINT = 24  # alpha values below it (of 255) are no part of an object
_KEY = "scene"  # of the PNG file's text that holds the objects


class Scene(NamedTuple):
    """A picture file with its objects: `emojis`, and `boxes` int `(k, 4)` xyxy in pixels."""

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
    """Draws the scenes that are not there yet, and returns all.

    Each file is written beside and renamed: stopped at any moment, it continues where it was. The
    objects and their boxes are kept in the file itself, so that the two cannot disagree.

    Args:
        casts: the objects of each scene.
        folder: where its files are, `00000.png` and so on.
        pictures: the directory of the OpenMoji pictures.
        width: of a scene in pixels.
        height: of a scene in pixels.
        random: gives the random numbers of a purpose and a number.
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
    """Returns an OpenMoji picture as it lies in a scene: an RGBA image without empty rims.

    What is drawn is cut out, made to fit (Lanczos), and cut again where it became faint: so its
    width and height are those of the exact box.
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
        order = np.argsort(-sides, kind="stable")  # the smaller are placed last and lie on top
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
