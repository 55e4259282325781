"""Picture files as viewers show them: turned as their EXIF block says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tb_keras.storage.pictures.picture_orientation import lies_on_its_side, turned_upright
from tb_keras.storage.pictures.picture_reference import picture_source

if TYPE_CHECKING:
    from PIL import Image


def open_upright(path: str | os.PathLike) -> Image.Image:
    """Opens a picture with Pillow, with the same pixels as `tb_keras.encoders` decodes.

    Raises:
        OSError: if there is no such file, or it is no picture.
    """
    with _opened(path) as picture:
        picture.load()
        return turned_upright(picture)


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
    with _opened(path) as picture:
        width, height = picture.size
        return (height, width) if lies_on_its_side(picture) else (width, height)


def _opened(path: str | os.PathLike) -> Image.Image:
    from PIL import Image

    try:
        return Image.open(picture_source(path))
    except OSError:
        raise
    except Exception as error:  # damaged headers raise nearly anything
        raise OSError(f"damaged picture {str(path)!r:.200} ({error!s:.100})") from error
