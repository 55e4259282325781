"""Pictures and texts as a client is given them, checked before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tb_keras.storage.pictures.picture_reference import picture_exists, read_picture
from tb_keras.storage.pictures.transcoded_picture import decodable_picture

Picture = str | os.PathLike | bytes


def picture_items(pictures: Sequence[Picture]) -> list[str | bytes]:
    """Returns references to pictures that exist, and contents; files are read later, by batches."""
    if isinstance(pictures, (str, bytes, os.PathLike)):
        raise ValueError(f"`pictures` must be a sequence of paths or bytes. Received: {pictures!r}")
    items: list[str | bytes] = []
    for position, picture in enumerate(pictures):
        if isinstance(picture, (bytes, bytearray, memoryview)):
            items.append(decodable_picture(bytes(picture)))
        elif isinstance(picture, (str, os.PathLike)):
            items.append(os.fspath(picture))
            if not picture_exists(picture):
                raise FileNotFoundError(
                    f"`pictures[{position}]` must be a file. Received: {str(picture)!r}"
                )
        else:
            raise ValueError(
                f"`pictures[{position}]` must be a path or bytes. Received: {picture!r}"
            )
    return items


def text_items(texts: Sequence[str]) -> list[bytes]:
    """Returns the bytes of each string."""
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"`texts` must be a sequence of strings. Received: {texts!r}")
    items = []
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"`texts[{position}]` must be a string. Received: {text!r}")
        try:
            items.append(text.encode())
        except UnicodeEncodeError:
            raise ValueError(
                f"`texts[{position}]` must be valid Unicode. Received: {text!r}"
            ) from None
    return items


def content(item: str | bytes | int) -> bytes | int:
    """Returns the bytes of a picture; anything else unchanged."""
    return read_picture(item) if isinstance(item, str) else item
