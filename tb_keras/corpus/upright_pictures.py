"""Picture files as viewers show them: turned as their EXIF block says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION = 0x0112  # the EXIF tag
_ON_THEIR_SIDE = (5, 6, 7, 8)
_TURNS = {  # by the names of Pillow's transpositions
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def open_upright(path: str | os.PathLike) -> Image.Image:
    """Opens a picture with Pillow, with the same pixels as `tb_keras.encoders` decodes.

    Raises:
        OSError: if there is no such file, or it is no picture.
    """
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()
        turn = _TURNS.get(_orientation(picture))
        return picture if turn is None else picture.transpose(Image.Transpose[turn])


def upright_size(path: str | os.PathLike) -> tuple[int, int]:
    """Returns the width and height of a picture as viewers show it, from the header alone.

    Raises:
        OSError: if there is no such file, or it is no picture.

    Examples:
        >>> import tempfile
        >>> from PIL import Image
        >>> exif = Image.Exif()
        >>> exif[0x0112] = 6
        >>> path = f"{tempfile.mkdtemp()}/park.jpg"
        >>> Image.new("RGB", (40, 30)).save(path, exif=exif)
        >>> upright_size(path)
        (30, 40)
    """
    from PIL import Image

    with Image.open(path) as picture:
        width, height = picture.size
        return (height, width) if _orientation(picture) in _ON_THEIR_SIDE else (width, height)


def _orientation(picture: Image.Image) -> int:
    from PIL import Image

    exif = Image.Exif()
    exif.load(picture.info.get("exif", b""))  # `getexif` would take that of XMP as well
    return exif.get(_ORIENTATION, 1)
