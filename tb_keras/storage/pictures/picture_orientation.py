"""The orientation that a camera notes in a picture, as Pillow reads it."""

from __future__ import annotations

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


def turned_upright(picture: Image.Image) -> Image.Image:
    """Returns a loaded picture turned as its EXIF block says; a TIFF is turned as it is loaded."""
    from PIL import Image

    turn = _TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(Image.Transpose[turn])


def lies_on_its_side(picture: Image.Image) -> bool:
    """Returns whether turning the picture exchanges its width and height."""
    return _orientation(picture) in _ON_THEIR_SIDE


def _orientation(picture: Image.Image) -> int:
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(picture.info.get("exif", b""))  # `getexif` would take that of XMP as well
        return exif.get(_ORIENTATION, 1)
    except Exception:  # a damaged block raises nearly anything; viewers pass over it
        return 1
