"""`Corpus`: images and texts with their matches, in memory or on disk."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import first_false
from tb_keras.checks.short_errors import short_errors
from tb_keras.corpus import corpus_files
from tb_keras.corpus.columns import check_length, check_strings
from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.indices import checked_indices
from tb_keras.corpus.matches import Matches

_CHECKED_VALUES = 2**24  # features are checked for NaN in blocks of so many values (64 MiB)


@dataclasses.dataclass(frozen=True, eq=False)
class Corpus:
    """A data set of `n` images and `m` texts with their `Matches`.

    A corpus may have features, picture files and strings, or only some of them. What it does not
    have is None.

    Args:
        matches: a `Matches`, or another form that `Matches.of` takes.
        image_features: float `(n, image_dim)`, or uint8 for pixels. A memory map stays one.
        text_features: float `(m, text_dim)`. Or, for text encoders that are trained with the
            network, int `(m, words)`: word indices, where 0 is padding and 1 is an unknown word. A
            memory map stays one.
        image_paths: `n` strings, paths of picture files; or `shard.tar::dog.jpg`, a member of a tar
            archive; or `pairs.parquet::image[12]`, the bytes in a row of a Parquet column.
        texts: `m` strings.
        image_attributes: dict of name → `n` values, more columns about the images, such as a name.
            On disk they are JSON.
        text_attributes: dict of name → `m` values, the same about the texts, such as a language.
        grounding: a `Grounding`, for localization, where the images are regions and the texts are
            phrases.

    Attributes:
        num_images: the number of images `n`.
        num_texts: the number of texts `m`.

    Raises:
        ValueError: if a length disagrees with `matches`, features have another shape or type, a
            feature is not finite, a word index is negative, or a text is not a string. The message
            names the row.

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
        for argument, size in (("image_paths", n), ("texts", m)):
            if getattr(self, argument) is not None:
                check_strings(argument, getattr(self, argument))
                check_length(argument, getattr(self, argument), size, "matches")
        for argument, size in (("image_attributes", n), ("text_attributes", m)):
            for name, values in getattr(self, argument).items():
                check_length(f"{argument}[{name!r}]", values, size, "matches")
        if self.grounding is not None:
            check_length("grounding.region_pictures", self.grounding.region_pictures, n, "matches")
            check_length("grounding.phrase_pictures", self.grounding.phrase_pictures, m, "matches")

    @property
    def num_images(self) -> int:
        """The number of images."""
        return self.matches.num_images

    @property
    def num_texts(self) -> int:
        """The number of texts."""
        return self.matches.num_texts

    def replace(self, **changes) -> Corpus:
        """Returns a copy with some arguments exchanged. It is checked like a new corpus."""
        return dataclasses.replace(self, **changes)

    def subset(self, images: ArrayLike | None = None, texts: ArrayLike | None = None) -> Corpus:
        """Returns the corpus of some images and some texts, renumbered in the given order.

        Features are a view if their rows are consecutive, so a memory map stays one. Other rows are
        copied to memory.

        Args:
            images: int `(b,)`, distinct image indices, or bool `(n,)`. All images if left out.
            texts: int `(t,)`, distinct text indices, or bool `(m,)`. If left out, every text that
                matches one of the images.

        Raises:
            ValueError: if an index is no int, is out of range or comes twice, or a bool array has
                another length.

        Examples:
            >>> corpus = Corpus(np.array([0, 0, 1]), texts=["a dog", "a pet", "a cat"])
            >>> corpus.subset(images=[1]).texts
            ['a cat']
        """
        images = _as_indices("images", images, self.num_images)
        if texts is None:
            touched = np.zeros(self.num_texts, bool)
            chosen = np.zeros(self.num_images, bool)
            chosen[images] = True
            touched[self.matches.pairs[chosen[self.matches.pairs[:, 0]], 1]] = True
            texts = touched
        texts = _as_indices("texts", texts, self.num_texts)
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
        """Writes the corpus to a new directory.

        The directory holds NumPy arrays and tables in JSON lines, which other programs can read. It
        appears only when it is complete.

        Args:
            directory: the directory to make.

        Raises:
            FileExistsError: if `directory` exists.
            ValueError: if a value of a column is no JSON; the message names column and row.
        """
        corpus_files.write_parts(directory, **vars(self))

    @classmethod
    def load(cls, directory: str | os.PathLike) -> Corpus:
        """Opens a directory that `save` wrote. Features stay on disk as memory maps.

        Args:
            directory: the directory.

        Raises:
            FileNotFoundError: if there is no corpus in `directory`.
            ValueError: if its files do not agree with each other.
        """
        with short_errors():
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


def _check_features(argument: str, features: np.ndarray | None, size: int) -> None:
    if features is None:
        return
    dtype = getattr(features, "dtype", None)
    if getattr(features, "ndim", None) != 2 or not (dtype.kind == "f" or dtype == np.uint8):
        raise ValueError(
            f"`{argument}` must be a float array of rank 2. Received: "
            f"shape={np.shape(features)}, dtype={dtype or type(features)}"
        )
    check_length(argument, features, size, "matches")
    if dtype == np.uint8:
        return
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
    check_length(argument, indices, size, "matches")
    if indices.size and indices.min() < 0:
        row = int(np.argmax((indices < 0).any(axis=1)))
        raise ValueError(f"`{argument}` must hold no negative index. Received: one in row {row}")


def _as_indices(argument: str, chosen: ArrayLike | None, size: int) -> np.ndarray:
    mask = np.asarray(chosen)
    if mask.dtype != bool:
        return checked_indices(argument, chosen, size, lowest=0)
    check_length(argument, np.atleast_1d(mask), size, "matches")
    return np.flatnonzero(mask)


def _taken(values, rows: np.ndarray):
    if values is None:
        return None
    if not isinstance(values, np.ndarray):
        return [values[row] for row in rows]
    if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
        return values[rows[0] : rows[0] + len(rows)]
    return values[rows]
