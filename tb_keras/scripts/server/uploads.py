"""Pictures that somebody sends: no larger than told, and readable."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tb_keras.corpus.upright_pictures import upright_size
from tb_keras.storage.pictures.picture_reference import read_picture

MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000


def checked_upload(content: bytes) -> bytes:
    """Returns the content of a picture file as an image encoder reads it.

    Raises:
        ValueError: if it is no picture, or has more than 50 million pixels.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(content)
        try:
            width, height = upright_size(path)
            if width * height > MOST_PIXELS:
                raise ValueError(
                    f"a picture may have {MOST_PIXELS:,} pixels. Received: {width} x {height}"
                )
            return read_picture(str(path))
        except OSError:
            raise ValueError("this is no picture, or a damaged one") from None
