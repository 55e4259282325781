"""What is searched: the pictures and texts of a folder, a table or a data set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tb_keras.corpus.corpus import Corpus
from tb_keras.scripts.runs.settled_paths import seen_from_here
from tb_keras.storage.pictures.picture_folder import PICTURES, picture_names


class Searched(NamedTuple):
    """Pictures and texts to search.

    Attributes:
        paths: of the pictures.
        texts: the texts; none of a folder.
        names: of the pictures at some of the paths.
    """

    paths: list[str]
    texts: list[str]
    names: Mapping[str, str]

    def ids(self) -> list[str]:
        """Returns what tells each picture: its path from the folder that holds them all."""
        paths = list(map(os.path.abspath, self.paths))
        folder = os.path.commonpath(list(map(os.path.dirname, paths)))
        return [Path(os.path.relpath(path, folder)).as_posix() for path in paths]


def searched_folder(folder: str | os.PathLike) -> Searched:
    """Returns the pictures of a folder with all below it.

    Raises:
        NotADirectoryError: if it is no folder.
        ValueError: if it has no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"the pictures to search must be in a folder. Received: {folder}")
    paths = [str(folder / name) for name in picture_names(folder)]
    if not paths:
        endings = ", ".join(PICTURES)
        raise ValueError(f"there is no picture ({endings}) in the folder {folder}")
    return Searched(paths, [], {})


def searched_corpus(corpus: Corpus) -> Searched:
    """Returns the pictures and texts of a corpus.

    Raises:
        ValueError: if it has only features of them.
    """
    if corpus.image_paths is None or corpus.texts is None:
        raise ValueError("the data set to search has no pictures here, or no texts")
    paths = list(map(seen_from_here, corpus.image_paths))
    names = dict(zip(paths, corpus.image_attributes.get("name", ())))
    return Searched(paths, list(corpus.texts), names)
