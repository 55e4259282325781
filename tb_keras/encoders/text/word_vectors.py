"""Words and their vectors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tb_keras.checks.arguments import first_false


@dataclasses.dataclass(frozen=True, eq=False)
class WordVectors:
    """Words with a vector each.

    Args:
        words: `V` distinct strings.
        vectors: float `(V, dim)`, finite; kept as float32.

    Raises:
        ValueError: a word occurs twice, the lengths differ, or the vectors are no matrix of finite
            floats. The message names the word.

    Examples:
        >>> vectors = WordVectors(["dog", "cat"], np.eye(2))
        >>> vectors.of(["cat"])
        array([[0., 1.]], dtype=float32)
        >>> "bus" in vectors
        False
    """

    words: Sequence[str]
    vectors: np.ndarray
    _rows: dict[str, int] = dataclasses.field(init=False, repr=False, compare=False)

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
        row = first_false(np.all(np.isfinite(vectors), axis=1))
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
        """Returns the vectors of some words, float32 `(len(words), dim)`.

        Raises:
            KeyError: a word has no vector.
        """
        return self.vectors[np.array([self._rows[word] for word in words], np.int64)]
