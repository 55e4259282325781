"""Word vectors: a vector for each of some words, read from a file or made by a text encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tb_keras.argument_checks import first_false
from tb_keras.encoders.features import encode_texts


@dataclasses.dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors.

    Args:
        words: `V` distinct strings.
        vectors: float `(V, dim)`, finite; kept as float32.

    Raises:
        ValueError: if a word stands there twice, the lengths disagree, or the vectors are no matrix
            of finite floats; the message names the word.

    Example:

    >>> vectors = WordVectors(["dog", "cat"], np.eye(2))
    >>> vectors.of(["cat"])
    array([[0., 1.]], dtype=float32)
    >>> "bus" in vectors
    False
    """

    words: Sequence[str]
    vectors: np.ndarray

    def __post_init__(self):
        vectors = np.asarray(self.vectors)
        if vectors.ndim != 2 or vectors.dtype.kind != "f" or not vectors.shape[1]:
            raise ValueError(
                "`vectors` must be a float array of rank 2. "
                f"Received: shape={vectors.shape}, dtype={vectors.dtype}"
            )
        if len(vectors) != len(self.words):
            raise ValueError(
                f"`vectors` must have {len(self.words)} rows, as `words`. Received: {len(vectors)}"
            )
        rows: dict[str, int] = {}
        for row, word in enumerate(self.words):
            if rows.setdefault(word, row) != row:
                raise ValueError(f"`words` must be distinct. Received: {word!r} twice")
        vectors = vectors.astype(np.float32, copy=False)
        row = first_false(np.isfinite(vectors).all(axis=1))
        if row is not None:
            raise ValueError(
                f"`vectors` must be finite. Received: NaN or infinity for {self.words[row]!r}"
            )
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "_rows", rows)

    @property
    def dim(self) -> int:
        """Size of the vectors."""
        return self.vectors.shape[1]

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: str) -> bool:
        return word in self._rows

    def of(self, words: Sequence[str]) -> np.ndarray:
        """Returns float32 `(len(words), dim)`.

        Raises:
            KeyError: if a word has no vector.
        """
        return self.vectors[np.array([self._rows[word] for word in words], np.int64)]


def encoded_word_vectors(
    words: Sequence[str], encoder: str = "minilm", verbose: bool = True
) -> WordVectors:
    """Makes word vectors by a text encoder that gets each word alone.

    Nothing is downloaded that the encoder does not need itself, and as it knows parts of words,
    every word has a vector. They are vectors of words without context, from an encoder that was
    trained on sentences. They are kept on disk as `encode_texts` does.

    Args:
        words: distinct strings.
        encoder: a name that `tb_keras.encoders.text_encoder` takes.
        verbose: whether to show progress.

    Example:

    >>> vectors = encoded_word_vectors(["dog", "puppy", "bus"], verbose=False)
    >>> dog, puppy, bus = vectors.vectors
    >>> bool(dog @ puppy > dog @ bus)
    True
    """
    return WordVectors(list(words), encode_texts(words, encoder, verbose))
