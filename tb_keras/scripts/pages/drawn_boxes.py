"""A picture with boxes, phrases and scores drawn in."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from tb_keras.storage.atomic_file import written_beside

_COLORS = ("#1144dd", "#dd5500", "#118833", "#aa11aa", "#aa7700", "#0099aa")


def write_with_boxes(
    path: str | os.PathLike, picture: str, found: Sequence[tuple[str, np.ndarray, float]]
) -> None:
    """Writes a PNG; the picture is enlarged where it is too small for the text to be read.

    Args:
        path: of the PNG.
        picture: path of the picture.
        found: a phrase, its box (xyxy in pixels) and its score, each.
    """
    from PIL import Image, ImageDraw, ImageFont

    with Image.open(picture) as opened:
        layer = opened.convert("RGBA")
    image = Image.new("RGBA", layer.size, "white")
    image.alpha_composite(layer)
    scale = max(1, round(800 / max(image.size)))
    image = image.resize((image.width * scale, image.height * scale)).convert("RGB")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=16)
    for number, (phrase, box, score) in enumerate(found):
        color = _COLORS[number % len(_COLORS)]
        left, top, right, bottom = (float(corner) * scale for corner in box)
        draw.rectangle((left, top, right, bottom), outline=color, width=3)
        label = f"{phrase} {score:.2f}"
        height = font.getbbox(label)[3] + 4
        width = font.getlength(label) + 6
        label_top = top - height if top >= height else min(bottom, image.height - height)
        label_left = max(0.0, min(left, image.width - width))
        draw.rectangle((label_left, label_top, label_left + width, label_top + height), fill=color)
        draw.text((label_left + 3, label_top + 1), label, fill="white", font=font)
    with written_beside(path) as beside:
        image.save(beside, format="PNG")
