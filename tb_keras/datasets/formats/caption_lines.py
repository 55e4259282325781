"""Text files of captioned data sets: lists of pictures, and captions line by line."""

from __future__ import annotations

import os
import re

from tb_keras.datasets.captioned_pictures import Caption
from tb_keras.datasets.formats.text_files import read_text

# The caption may hold tabs and number signs of its own.
_LINE = re.compile(r"(?P<name>[^\s#]+)#(?P<number>[0-9]+)[\t ](?P<text>.*)")

# A line of Kaggle's file lacks the second pipe.
_PIPED = re.compile(r"(?P<name>[^|]+?) *\| *(?P<number>[0-9]+) *(\||(?<= )) *(?P<text>.*)")
_PIPED_HEADER = "image_name|"


def read_picture_list(path: str | os.PathLike) -> list[tuple[str, str]]:
    """Reads a file with the name of a picture on each line. Empty lines are left out.

    Returns:
        A list of pairs: the name of a picture, and the file and line for error messages.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not in UTF-8 or names no picture.
    """
    lines = enumerate(read_text(path).split("\n"), 1)
    names = [(line.strip(), f"{path}, line {number}") for number, line in lines if line.strip()]
    if not names:
        raise ValueError(f"{path} names no picture")
    return names


def read_caption_lines(path: str | os.PathLike) -> dict[str, list[Caption]]:
    r"""Reads a file with `NAME#NUMBER<TAB>caption` on each line. Empty lines are left out.

    This is the format of Flickr8K, of Flickr30K (`results_20130124.token`) and of COCO-CN. Some
    files have a space instead of the tab.

    Returns:
        dict of a picture's name → its captions, in the order of the file. The number is the text
        attribute "sentence".

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: if the file is not in UTF-8 or has no caption, or a line has another form or the
            name and number of an earlier line. The message names the line.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "captions.token"
        >>> _ = path.write_text("1.jpg#0\tA dog runs .\n1.jpg#1\tA pet in a park .\n")
        >>> [caption.text for caption in read_caption_lines(path)["1.jpg"]]
        ['A dog runs .', 'A pet in a park .']
    """
    return _read(path, _LINE, "NAME#NUMBER<TAB>caption")


def read_piped_captions(path: str | os.PathLike) -> dict[str, list[Caption]]:
    """Reads a file with `NAME| NUMBER| caption` on each line, as Kaggle's `results.csv` has them.

    The first line is the header `image_name| comment_number| comment`. A line may lack the second
    pipe, as one does there.

    Returns:
        The same as `read_caption_lines`.

    Raises:
        FileNotFoundError: if the file is not there.
        ValueError: as `read_caption_lines` does.
    """
    return _read(path, _PIPED, "NAME| NUMBER| caption", header=_PIPED_HEADER)


def _read(
    path: str | os.PathLike, form: re.Pattern[str], expected: str, header: str | None = None
) -> dict[str, list[Caption]]:
    captions: dict[str, list[Caption]] = {}
    seen = set()
    for line_number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip() or (line_number == 1 and header and line.startswith(header)):
            continue
        where = f"{path}, line {line_number}"
        parts = form.fullmatch(line)
        if parts is None:
            raise ValueError(f"{where}: expected {expected}. Received: {line[:80]!r}")
        key = name, number = parts["name"], int(parts["number"])
        if key in seen:
            raise ValueError(f"{where}: the caption '{name}#{number}' comes twice")
        seen.add(key)
        caption = Caption(parts["text"], where, {"sentence": number})
        captions.setdefault(name, []).append(caption)
    if not captions:
        raise ValueError(f"{path} has no caption")
    return captions
