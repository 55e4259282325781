"""Text files of caption data sets: lists of pictures, and captions as `NAME#NUMBER<TAB>caption`."""

from __future__ import annotations

import os
import re

from tb_keras.datasets.captioned_pictures import Caption
from tb_keras.datasets.formats.text_files import read_text

# The caption may hold tabs and number signs of its own.
_LINE = re.compile(r"(?P<name>[^\s#]+)#(?P<number>[0-9]+)[\t ](?P<text>.*)")


def read_picture_list(path: str | os.PathLike) -> list[tuple[str, str]]:
    """Reads a list of pictures, one a line; empty lines are left out.

    Returns:
        The name of each picture as the file has it, and what a message calls it: file and line.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if it is not in UTF-8 or names no picture.
    """
    lines = enumerate(read_text(path).split("\n"), 1)
    names = [(line.strip(), f"{path}, line {number}") for number, line in lines if line.strip()]
    if not names:
        raise ValueError(f"{path} names no picture")
    return names


def read_caption_lines(path: str | os.PathLike) -> dict[str, list[Caption]]:
    r"""Reads captions, one a line: `NAME#NUMBER<TAB>caption`; empty lines are left out.

    Some files have a space for the tab. This is the format of Flickr8K and Flickr30K
    (`results_20130124.token`), and of COCO-CN.

    Returns:
        The captions of each picture in the file's order, with the text attribute "sentence", the
        number.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if it is not in UTF-8, has no caption, or a line is not of that form or has the
            name and number of an earlier one; the message names the line.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "captions.token"
        >>> _ = path.write_text("1.jpg#0\tA dog runs .\n1.jpg#1\tA pet in a park .\n")
        >>> [caption.text for caption in read_caption_lines(path)["1.jpg"]]
        ['A dog runs .', 'A pet in a park .']
    """
    captions: dict[str, list[Caption]] = {}
    seen = set()
    for line_number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        where = f"{path}, line {line_number}"
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise ValueError(f"{where}: expected NAME#NUMBER<TAB>caption. Received: {line[:80]!r}")
        key = name, number = parts["name"], int(parts["number"])
        if key in seen:
            raise ValueError(f"{where}: the caption '{name}#{number}' stands there twice")
        seen.add(key)
        caption = Caption(parts["text"], where, {"sentence": number})
        captions.setdefault(name, []).append(caption)
    if not captions:
        raise ValueError(f"{path} has no caption")
    return captions
