"""`CaptionedPictures`: a corpus made of pictures with captions, one by one."""

from __future__ import annotations

import collections
import os
import warnings
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches

SPLITS = ("train", "validation", "test", "all")


class Caption(NamedTuple):
    """A caption of a picture.

    Attributes:
        text: the caption.
        where: its file, and its line or key, for error messages.
        attributes: dict of name → value, its text attributes. All captions have the same names.
    """

    text: str
    where: str
    attributes: Mapping[str, object]


class CaptionedPictures:
    """Gathers pictures with captions into a corpus.

    The texts come in the order of their pictures. Two equal captions are two texts. White space
    around a caption is removed.

    Examples:
        >>> gathered = CaptionedPictures()
        >>> captions = [Caption(text, "a.txt", {"language": "en"}) for text in ("a dog", "a pet")]
        >>> gathered.add("photos/dog.jpg", captions, "a.txt", id=7)
        >>> corpus = gathered.corpus()
        >>> corpus
        Corpus(1 images, 2 texts, 2 pairs; texts)
        >>> corpus.image_attributes
        {'file': ['dog.jpg'], 'id': [7]}
    """

    def __init__(self):
        self._paths, self._images, self._texts = [], [], []
        self._image_attributes = collections.defaultdict(list)
        self._text_attributes = collections.defaultdict(list)
        self._seen = collections.defaultdict(set)

    def add(
        self, path: str | os.PathLike, captions: Sequence[Caption], where: str, /, **attributes
    ) -> None:
        """Adds a picture with its captions.

        Args:
            path: the picture's file, which need not exist.
            captions: at least one `Caption`.
            where: the file, and the line or key, that names the picture, for error messages.
            **attributes: the picture's image attributes. All pictures have the same names. "file",
                the name of the file without its folder, is added.

        Raises:
            ValueError: if there is no caption, a caption is empty, or an earlier picture or caption
                has the same file name or the same attribute "id".
        """
        path = os.fspath(path)
        file = os.path.basename(path)
        if not captions:
            raise ValueError(f"{where}: the picture {file!r:.80} has no caption")
        self._check_new("picture", file, where)
        if "id" in attributes:
            self._check_new("picture id", attributes["id"], where)
        for caption in captions:
            text = caption.text.strip()
            if not text:
                raise ValueError(f"{caption.where}: the caption is empty")
            if "id" in caption.attributes:
                self._check_new("caption id", caption.attributes["id"], caption.where)
            self._images.append(len(self._paths))
            self._texts.append(text)
            for name, value in caption.attributes.items():
                self._text_attributes[name].append(value)
        self._paths.append(path)
        for name, value in {"file": file, **attributes}.items():
            self._image_attributes[name].append(value)

    def corpus(self, pictures_needed: bool = False, missing: str = "error") -> Corpus:
        """Returns the corpus of everything that was added.

        It has `image_paths` if a folder of the pictures exists. Then every picture must exist.
        Texts can be read without pictures, but some of the pictures alone are a mistake unless
        you say otherwise.

        Args:
            pictures_needed: bool, whether a folder of the pictures must exist.
            missing: what to do about pictures that are not in the folder: "error", or "drop" to
                leave them out with their captions. A warning counts them.

        Raises:
            FileNotFoundError: if no folder exists that is needed, or pictures are missing. The
                message names the first of them and counts them.
            ValueError: if `missing` is unknown.
        """
        if missing not in ("error", "drop"):
            raise ValueError(f"`missing` must be 'error' or 'drop'. Received: {missing!r}")
        names = {
            folder: _names(folder) for folder in sorted(set(map(os.path.dirname, self._paths)))
        }
        there = any(found is not None for found in names.values())
        if pictures_needed and not there:
            raise FileNotFoundError(f"There is no folder of pictures {', '.join(map(repr, names))}")
        absent = []
        if there:
            splits = enumerate(map(os.path.split, self._paths))
            absent = [row for row, (folder, name) in splits if name not in (names[folder] or ())]
        count = f"{len(absent)} of {len(self._paths)} pictures are"
        if absent and (missing == "error" or len(absent) == len(self._paths)):
            raise FileNotFoundError(
                f"There is no picture '{self._paths[absent[0]]}'; {count} missing"
            )
        corpus = Corpus(
            Matches.of(self._images, len(self._paths)),
            image_paths=self._paths if there else None,
            texts=self._texts,
            image_attributes=dict(self._image_attributes),
            text_attributes=dict(self._text_attributes),
        )
        if not absent:
            return corpus
        example = self._paths[absent[0]]
        warnings.warn(f"{count} left out: they are not there, such as '{example}'", stacklevel=3)
        return corpus.subset(images=np.delete(np.arange(corpus.num_images), absent))

    def _check_new(self, kind: str, key: Hashable, where: str) -> None:
        if key in self._seen[kind]:
            raise ValueError(f"{where}: the {kind} {key!r:.80} comes twice")
        self._seen[kind].add(key)


def _names(folder: str) -> set[str] | None:
    """Returns the names in a folder; one listing is far faster than a look for each picture."""
    path = Path(folder)
    return set(os.listdir(path)) if path.is_dir() else None


def check_split(split: str) -> None:
    """Raises a ValueError unless `split` is one of `SPLITS`."""
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {', '.join(SPLITS)}. Received: {split!r:.80}")
