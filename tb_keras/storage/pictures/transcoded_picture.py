"""Pictures in formats that the image encoders do not decode, made to PNG."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from tb_keras.storage.pictures.picture_orientation import turned_upright

if TYPE_CHECKING:
    from PIL import Image

_MAX_PIXELS = 50_000_000  # as the encoders
_TOO_LARGE = f"More than {_MAX_PIXELS // 10**6} million pixels."
_DECODED = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")
_BGRA = b"\x00\x00\xff\x00\x00\xff\x00\x00\xff\x00\x00\x00"  # masks of a BMP's colours
# Pillow's other formats can start programs (EPS), or can be told by nothing but their names.
_TRANSCODED = ("WEBP", "TIFF", "AVIF", "JPEG2000", "PPM", "ICO", "BMP", "HEIF", "JXL")
_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA")  # modes


def decodable_picture(content: bytes) -> bytes:
    r"""Returns an image file that the encoders decode: the file itself, or a PNG of the picture.

    A WebP, AVIF, TIFF, JPEG 2000, PPM, ICO, or a BMP that is compressed, is decoded by Pillow, its
    first frame or page alone, and turned as its EXIF block says. (HEIF and JPEG XL too, if you have
    registered a plugin of Pillow for them.) Whatever else is no PNG, JPEG, GIF or BMP is returned
    as it is; so is all of it without Pillow.

    Args:
        content: the bytes of a file.

    Raises:
        ValueError: if the picture is damaged, has more than 50 million pixels, or has pixels
            without a known range, such as floats.

    Examples:
        >>> from PIL import Image
        >>> stream = io.BytesIO()
        >>> Image.new("RGB", (3, 2)).save(stream, "WEBP")
        >>> decodable_picture(stream.getvalue())[:4], decodable_picture(b"text")
        (b'\x89PNG', b'text')
    """
    if content.startswith(_DECODED) or not content or _is_plain_bmp(content):
        return content
    try:
        from PIL import Image
    except ImportError:
        return content
    Image.init()
    formats = [name for name in _TRANSCODED if name in Image.OPEN]
    try:
        picture = Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError:
        raise ValueError(_TOO_LARGE) from None
    except Exception:  # damaged files raise nearly anything
        if content[8:12] == b"WEBP" or content.startswith((b"II*\0", b"MM\0*")):
            raise ValueError("Invalid WEBP or TIFF data.") from None
        return content
    with picture:
        if picture.width * picture.height > _MAX_PIXELS:
            raise ValueError(_TOO_LARGE)
        if picture.mode in ("I", "F"):
            raise ValueError(f"The {picture.format} has pixels of 32 bits, whose range is unknown.")
        try:
            picture.load()
            return _as_png(turned_upright(picture))
        except Exception as error:
            raise ValueError(f"Invalid {picture.format} data: {str(error)[:200]}") from error


def _is_plain_bmp(content: bytes) -> bool:
    """Returns whether it is a BMP whose pixels the encoders' decoder finds as they are."""
    bits, compression = (int.from_bytes(content[at : at + 4], "little") for at in (28, 30))
    bits %= 2**16
    is_plain = compression == 0 and bits in (1, 4, 8, 24, 32)
    in_order = compression == 3 and bits == 32 and content[54:66] == _BGRA
    # Two bytes for each side are of a time before Windows.
    return content.startswith(b"BM") and content[14:18] != b"\x0c\0\0\0" and (is_plain or in_order)


def _as_png(picture: Image.Image) -> bytes:
    if picture.mode.startswith("I;16"):
        picture = _upper_bytes(picture)
    elif picture.mode not in _AS_THEY_ARE:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    stream = io.BytesIO()
    picture.info = {}  # neither a profile nor what was applied already
    picture.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def _upper_bytes(picture: Image.Image) -> Image.Image:
    """Returns grey values of 16 bits with 8, as the encoders' decoder takes them of a PNG."""
    import numpy as np
    from PIL import Image

    return Image.fromarray((np.asarray(picture).astype(np.uint16) >> 8).astype(np.uint8))
