"""The picture files in a folder."""

from __future__ import annotations

import os
from pathlib import Path

# The endings of pictures, for every script. Only opening a file shows whether it can be read.
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".jp2")
PICTURES += (".jfif", ".jpe", ".ppm", ".pgm", ".heic", ".jxl")


def is_picture_name(name: str) -> bool:
    """Returns whether a path is a picture's by its ending, and the file is not hidden.

    Examples:
        >>> [is_picture_name(name) for name in ("a/cat.JPG", "a/._cat.jpg", "cat.txt")]
        [True, False, False]
    """
    hidden = os.path.basename(name).startswith(".")
    return not hidden and os.path.splitext(name)[1].lower() in PICTURES


def picture_names(folder: Path) -> list[str]:
    """Returns the sorted names of the picture files in a folder and its subfolders.

    Hidden files and folders are left out. Links are followed.

    Args:
        folder: the folder.

    Returns:
        The paths relative to the folder, with "/" between folders.

    Examples:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for name in ("cat.JPG", "notes.txt", ".hidden.png"):
        ...     (folder / name).touch()
        >>> picture_names(folder)
        ['cat.JPG']
    """
    found = []
    seen = set()  # links may lead in a circle
    for parent, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(parent)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            (Path(parent) / name).relative_to(folder).as_posix()
            for name in files
            if is_picture_name(name)
        ]
    return sorted(found)
