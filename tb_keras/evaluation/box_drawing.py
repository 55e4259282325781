"""Boxes drawn into a picture, to look at what was found."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tb_keras.corpus.upright_pictures import open_upright

if TYPE_CHECKING:
    from PIL import Image

COLORS = ("#1144dd", "#dd5500", "#118833", "#aa11aa", "#aa7700", "#0099aa")


def draw_boxes(
    picture: str | os.PathLike,
    boxes: np.ndarray | Sequence[Sequence[float]],
    labels: Sequence[str] = (),
    *,
    colors: Sequence[str] = COLORS,
    widths: Sequence[int] = (3,),
    size: int = 800,
) -> Image.Image:
    """Draws boxes with labels into a picture.

    Args:
        picture: path of an image file, which is turned as its EXIF block says. What is transparent
            in it becomes white.
        boxes: float `(n, 4)`, corners xyxy in pixels of the picture.
        labels: a text for each box, or none; written above the box, or elsewhere in the picture
            where there is no room.
        colors: of the boxes, such as "#1144dd" or, translucent, "#1144dd40"; repeated if fewer.
        widths: of the boxes' lines in pixels, inwards; repeated if fewer. A box below an equal one
            can be seen if its line is wider.
        size: pixels; a smaller picture is enlarged by a whole factor to about this size, so that
            the labels can be read.

    Returns:
        An RGB image.

    Examples:
        >>> import tempfile
        >>> from PIL import Image
        >>> picture = f"{tempfile.mkdtemp()}/park.png"
        >>> Image.new("RGB", (640, 480)).save(picture)
        >>> draw_boxes(picture, [[10, 20, 200, 300]], ["a dog"]).size
        (640, 480)
    """
    from PIL import Image, ImageDraw, ImageFont

    layer = open_upright(picture).convert("RGBA")
    image = Image.new("RGBA", layer.size, "white")
    image.alpha_composite(layer)
    scale = max(1, round(size / max(image.size)))
    image = image.resize((image.width * scale, image.height * scale)).convert("RGB")
    draw = ImageDraw.Draw(image, "RGBA")
    font = ImageFont.load_default(size=16)
    labels = itertools.chain(labels, itertools.repeat(""))
    colors, widths = itertools.cycle(colors), itertools.cycle(widths)
    for box, label, color, width in zip(boxes, labels, colors, widths):
        left, top, right, bottom = (float(corner) * scale for corner in box)
        draw.rectangle((left, top, right, bottom), outline=color, width=width)
        if not label:
            continue
        label_height = font.getbbox(label)[3] + 4
        label_width = font.getlength(label) + 6
        y = top - label_height if top >= label_height else min(bottom, image.height - label_height)
        x = max(0.0, min(left, image.width - label_width))
        draw.rectangle((x, y, x + label_width, y + label_height), fill=color)
        draw.text((x + 3, y + 1), label, fill="white", font=font)
    return image
