"""Images and texts with the relation that says which belong together, in memory or on disk."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import first_false
from tb_keras.corpus import corpus_files
from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.matches import Matches

_CHECKED_VALUES = 2**24  # features are checked for NaN in blocks of this many values (64 MiB)


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """`n` images, `m` texts and their `Matches`; what is not there yet is None.

    Args:
        matches: a `Matches`, or a form that `Matches.of` takes.
        image_features: float `(n, image_dim)`; a memory map stays one.
        text_features: float `(m, text_dim)`, or int `(m, words)`: word indices, 0 for padding and 1
            for words out of the vocabulary, for text encoders that are trained with the network. A
            memory map stays one.
        image_paths: `n` paths of picture files.
        texts: `m` raw strings.
        image_attributes: more columns about the images, name → `n` values, such as a name or a
            group. Numbers and strings are kept on disk as JSON.
        text_attributes: the same about the texts, such as a language.
        grounding: for localization, where the images are regions and the texts are phrases: the
            picture and the box of each.

    Raises:
        ValueError: if a length disagrees with `matches`, features are no float matrix (nor, for
            texts, an int one) or hold a NaN, an infinity or a negative index, or a text is no
            string; the message names the row.

    Examples:
        >>> corpus = Corpus(
        ...     np.array([0, 0]),
        ...     image_features=np.ones((1, 4), "float32"),
        ...     texts=["a dog", "an animal"],
        ... )
        >>> corpus
        Corpus(1 images, 2 texts, 2 pairs; image_features (1, 4) float32, texts)
    """

    matches: Matches
    image_features: np.ndarray | None = None
    text_features: np.ndarray | None = None
    image_paths: Sequence[str] | None = None
    texts: Sequence[str] | None = None
    image_attributes: Mapping[str, Sequence] = dataclasses.field(default_factory=dict)
    text_attributes: Mapping[str, Sequence] = dataclasses.field(default_factory=dict)
    grounding: Grounding | None = None

    def __post_init__(self):
        num_images = None
        regions = None if self.grounding is None else self.grounding.region_pictures
        columns = (self.image_features, self.image_paths, regions, *self.image_attributes.values())
        for images in columns:
            num_images = len(images) if images is not None else num_images
        object.__setattr__(self, "matches", Matches.of(self.matches, num_images))
        n, m = self.num_images, self.num_texts
        _check_features("image_features", self.image_features, n)
        if getattr(self.text_features, "dtype", np.dtype(float)).kind in "iu":
            _check_indices("text_features", self.text_features, m)
        else:
            _check_features("text_features", self.text_features, m)
        _check_strings("image_paths", self.image_paths, n)
        _check_strings("texts", self.texts, m)
        for argument, size in (("image_attributes", n), ("text_attributes", m)):
            for name, values in getattr(self, argument).items():
                _check_length(f"{argument}[{name!r}]", values, size)
        if self.grounding is not None:
            _check_length("grounding.region_pictures", self.grounding.region_pictures, n)
            _check_length("grounding.phrase_pictures", self.grounding.phrase_pictures, m)

    @property
    def num_images(self) -> int:
        """Number of images."""
        return self.matches.num_images

    @property
    def num_texts(self) -> int:
        """Number of texts."""
        return self.matches.num_texts

    def replace(self, **changes) -> Corpus:
        """Returns a corpus with some of its parts exchanged, checked anew."""
        return dataclasses.replace(self, **changes)

    def subset(self, images: ArrayLike | None = None, texts: ArrayLike | None = None) -> Corpus:
        """Returns the corpus of some images and some texts, renumbered in the given order.

        Features whose rows follow one upon the other are a view, of a memory map a memory map; else
        they are copied to memory.

        Args:
            images: int `(b,)` distinct image indices, or bool `(n,)`; all images if left out.
            texts: int `(t,)` distinct text indices, or bool `(m,)`. If left out: every text that
                matches one of the images.

        Examples:
            >>> corpus = Corpus(np.array([0, 0, 1]), texts=["a dog", "a pet", "a cat"])
            >>> corpus.subset(images=[1]).texts
            ['a cat']
        """
        images = _as_indices(images, self.num_images)
        if texts is None:
            touched = np.zeros(self.num_texts, bool)
            chosen = np.zeros(self.num_images, bool)
            chosen[images] = True
            touched[self.matches.pairs[chosen[self.matches.pairs[:, 0]], 1]] = True
            texts = touched
        texts = _as_indices(texts, self.num_texts)
        return Corpus(
            self.matches.subset(images, texts),
            image_features=_taken(self.image_features, images),
            text_features=_taken(self.text_features, texts),
            image_paths=_taken(self.image_paths, images),
            texts=_taken(self.texts, texts),
            image_attributes={k: _taken(v, images) for k, v in self.image_attributes.items()},
            text_attributes={k: _taken(v, texts) for k, v in self.text_attributes.items()},
            grounding=None if self.grounding is None else self.grounding.subset(images, texts),
        )

    def save(self, directory: str | os.PathLike) -> None:
        """Writes the corpus as a directory that can be inspected; see `corpus_files`.

        Raises:
            FileExistsError: if `directory` exists.
        """
        corpus_files.write_parts(directory, **vars(self))

    @classmethod
    def load(cls, directory: str | os.PathLike) -> Corpus:
        """Opens a directory that `save` wrote; features stay on disk as memory maps.

        Raises:
            FileNotFoundError: if there is no corpus in `directory`.
            ValueError: if its files do not agree with each other.
        """
        return cls(**corpus_files.read_parts(directory))

    def __repr__(self) -> str:
        parts = [
            f"{name} {features.shape} {features.dtype}"
            for name in ("image_features", "text_features")
            if (features := getattr(self, name)) is not None
        ]
        parts += [name for name in ("image_paths", "texts") if getattr(self, name) is not None]
        if self.grounding is not None:
            parts.append(f"grounding in {self.grounding.num_pictures} pictures")
        size = f"{self.num_images} images, {self.num_texts} texts, {len(self.matches.pairs)} pairs"
        return f"Corpus({'; '.join([size, ', '.join(parts)]) if parts else size})"


def _check_length(argument: str, values, size: int) -> None:
    if len(values) != size:
        raise ValueError(
            f"`{argument}` must have {size} rows, as `matches`. Received: {len(values)}"
        )


def _check_features(argument: str, features: np.ndarray | None, size: int) -> None:
    if features is None:
        return
    if getattr(features, "ndim", None) != 2 or features.dtype.kind != "f":
        raise ValueError(
            f"`{argument}` must be a float array of rank 2. Received: "
            f"shape={np.shape(features)}, dtype={getattr(features, 'dtype', type(features))}"
        )
    _check_length(argument, features, size)
    rows = max(1, _CHECKED_VALUES // max(1, features.shape[1]))
    for start in range(0, size, rows):
        row = first_false(np.isfinite(features[start : start + rows]).all(axis=1))
        if row is not None:
            raise ValueError(
                f"`{argument}` must be finite. Received: NaN or infinity in row {start + row}"
            )


def _check_indices(argument: str, indices: np.ndarray, size: int) -> None:
    if indices.ndim != 2:
        raise ValueError(
            f"`{argument}` must be of rank 2. Received: shape={indices.shape}, "
            f"dtype={indices.dtype}"
        )
    _check_length(argument, indices, size)
    if indices.size and indices.min() < 0:
        row = int(np.argmax((indices < 0).any(axis=1)))
        raise ValueError(f"`{argument}` must hold no negative index. Received: one in row {row}")


def _check_strings(argument: str, strings: Sequence[str] | None, size: int) -> None:
    if strings is None:
        return
    if isinstance(strings, str):
        raise ValueError(f"`{argument}` must be a sequence of strings. Received: {strings!r}")
    _check_length(argument, strings, size)
    for row, string in enumerate(strings):
        if not isinstance(string, str):
            raise ValueError(f"`{argument}` must hold strings. Received: {string!r} in row {row}")


def _as_indices(chosen: ArrayLike | None, size: int) -> np.ndarray:
    if chosen is None:
        return np.arange(size)
    chosen = np.asarray(chosen)
    return np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)


def _taken(values, rows: np.ndarray):
    if values is None:
        return None
    if not isinstance(values, np.ndarray):
        return [values[row] for row in rows]
    if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return values[rows[0] : rows[0] + len(rows)]
    return values[rows]
