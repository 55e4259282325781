"""Pictures with captions, gathered one by one into a corpus."""

from __future__ import annotations

import collections
import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches

SPLITS = ("train", "validation", "test", "all")


class Caption(NamedTuple):
    """A caption of a picture.

    Attributes:
        text: its words.
        where: what a message calls it: its file, and its line or key.
        attributes: its text attributes, of the same names for all captions.
    """

    text: str
    where: str
    attributes: Mapping[str, object]


class CaptionedPictures:
    """Gathers a corpus of whole pictures with the captions of each.

    White space around a caption is left out. Texts stand in the order of their pictures, each
    picture's in the given order; equal captions are texts of their own.

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
            path: its file, which need not be there.
            captions: its captions, one at least.
            where: what a message calls the picture.
            **attributes: its image attributes, of the same names for all pictures; "file", the
                file's name without its folder, is always one.

        Raises:
            ValueError: if there is no caption, a caption is empty, or the file's name, or the
                attribute "id" of a picture or a caption, has stood before.
        """
        path = os.fspath(path)
        file = os.path.basename(path)
        if not captions:
            raise ValueError(f"{where}: the picture {file!r} has no caption")
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

    def corpus(self, pictures_needed: bool = False) -> Corpus:
        """Returns the corpus of all that was added.

        It has `image_paths` where a folder of the pictures is there, and then every picture must
        be: texts can be read without pictures, but half of the pictures is a mistake.

        Args:
            pictures_needed: whether the folders must be there.

        Raises:
            FileNotFoundError: if a folder that is needed is not there, or some of the pictures are
                not; the message names the first and counts them.
        """
        names = {
            folder: _names(folder) for folder in sorted(set(map(os.path.dirname, self._paths)))
        }
        there = any(found is not None for found in names.values())
        if pictures_needed and not there:
            raise FileNotFoundError(f"There is no folder of pictures {', '.join(map(repr, names))}")
        if there:
            splits = map(os.path.split, self._paths)
            missing = [
                os.path.join(folder, name)
                for folder, name in splits
                if name not in (names[folder] or ())
            ]
            if missing:
                raise FileNotFoundError(
                    f"There is no picture '{missing[0]}'; {len(missing)} of {len(self._paths)} "
                    "pictures are missing"
                )
        return Corpus(
            Matches.of(self._images, len(self._paths)),
            image_paths=self._paths if there else None,
            texts=self._texts,
            image_attributes=dict(self._image_attributes),
            text_attributes=dict(self._text_attributes),
        )

    def _check_new(self, kind: str, key: Hashable, where: str) -> None:
        if key in self._seen[kind]:
            raise ValueError(f"{where}: the {kind} {key!r} stands there twice")
        self._seen[kind].add(key)


def _names(folder: str) -> set[str] | None:
    """The names in a folder, read at once: asking for each of 100,000 files takes far longer."""
    path = Path(folder)
    return set(os.listdir(path)) if path.is_dir() else None


def check_split(split: str) -> None:
    """Checks the name of a split.

    Raises:
        ValueError: if it is none of `SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f"`split` must be one of {', '.join(SPLITS)}. Received: {split!r}")
