"""A corpus that a search can find images, or images and texts, in."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

_BLOCK_ROWS = 8192  # checked at a time


@dataclasses.dataclass(frozen=True, eq=False)
class Searchable:
    """An embedded corpus, with the names that a search returns for its images and texts.

    Attributes:
        image_ids: n strings, such as file names. None is empty, since `""` stands for no answer.
        image_embeddings: finite float `(n, dim)`, an array or a memory map.
        text_ids: m strings, or None if the search is for images only.
        text_embeddings: finite float `(m, dim)`, given together with `text_ids`.

    Raises:
        ValueError: if an argument is wrong. The message names the argument.

    Examples:
        >>> Searchable(["a.jpg", "b.jpg"], np.eye(2)).image_ids
        ['a.jpg', 'b.jpg']
    """

    image_ids: Sequence[str]
    image_embeddings: np.ndarray
    text_ids: Sequence[str] | None = None
    text_embeddings: np.ndarray | None = None

    def __post_init__(self):
        check_embedded("image_", self.image_ids, self.image_embeddings)
        if (self.text_ids is None) != (self.text_embeddings is None):
            left_out = "text_ids" if self.text_ids is None else "text_embeddings"
            raise ValueError(
                "`text_ids` and `text_embeddings` must be given together. "
                f"Received: {left_out}=None"
            )
        if self.text_ids is None:
            return
        check_embedded("text_", self.text_ids, self.text_embeddings)
        shapes = np.shape(self.image_embeddings), np.shape(self.text_embeddings)
        if shapes[0][1] != shapes[1][1]:
            raise ValueError(
                "`image_embeddings` and `text_embeddings` must have as many columns. "
                f"Received: shapes {shapes[0]} and {shapes[1]}"
            )


def check_embedded(prefix: str, ids: Sequence[str], embeddings: np.ndarray) -> None:
    """Checks identifiers and their embeddings.

    Args:
        prefix: what precedes `ids` and `embeddings` in the names of the arguments.
        ids: n strings of UTF-8, none empty.
        embeddings: float `(n, dim)`, neither of them 0. The squared norm of every row must be
            finite in float32.

    Raises:
        ValueError: if `ids` or `embeddings` are wrong.

    Examples:
        >>> check_embedded("image_", ["a", ""], np.eye(2))
        Traceback (most recent call last):
        ValueError: `image_ids` must be strings of UTF-8, none empty. Received: '' at position 1
    """
    shape = np.shape(embeddings)
    if len(shape) != 2 or 0 in shape or np.asarray(embeddings).dtype.kind != "f":
        raise ValueError(
            f"`{prefix}embeddings` must be float of shape (n, dim), neither of them 0. "
            f"Received: shape={shape}, dtype={np.asarray(embeddings).dtype}"
        )
    if isinstance(ids, str) or len(ids) != shape[0]:
        raise ValueError(
            f"`{prefix}ids` must be as many strings as `{prefix}embeddings` have rows, {shape[0]}. "
            f"Received: {repr(ids) if isinstance(ids, str) else len(ids)}"
        )
    for position, name in enumerate(ids):
        if not isinstance(name, str) or not name or not _is_utf8(name):
            raise ValueError(
                f"`{prefix}ids` must be strings of UTF-8, none empty. "
                f"Received: {name!r} at position {position}"
            )
    check_norms(f"{prefix}embeddings", embeddings)


def check_norms(argument: str, embeddings: np.ndarray) -> None:
    """Checks that the squared norm of every row `(n, dim)` is finite in float32.

    Then so is every dot product of two rows (Cauchy-Schwarz).

    Raises:
        ValueError: if it is not. The message names the first such row.

    Examples:
        >>> check_norms("queries", np.array([[0.0, 1.0], [np.nan, 1.0]]))  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ValueError: `queries` must be finite and have finite norms. Received: ... NaN in row 1
    """
    for start in range(0, len(embeddings), _BLOCK_ROWS):
        with np.errstate(over="ignore", invalid="ignore"):
            rows = np.asarray(embeddings[start : start + _BLOCK_ROWS], np.float32)
            finite = np.isfinite(np.einsum("nd,nd->n", rows, rows))
        if not finite.all():
            raise ValueError(
                f"`{argument}` must be finite and have finite norms. "
                f"Received: too large, infinity or NaN in row {start + int(finite.argmin())}"
            )


def _is_utf8(text: str) -> bool:
    """Returns whether a string has no lone surrogates, which stand for bytes that are not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
