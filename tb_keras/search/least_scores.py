"""The score below which an answer is more likely wrong than wanted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.matches import Matches
from tb_keras.search.index import Index

_NEGATIVE, _MATCH, _IGNORED = 0, 1, 2


class LeastScore(NamedTuple):
    """A score to cut answers off at.

    Attributes:
        score: float; infinity if no score gives the precision.
        precision: the share of right answers among those that score at least so high, in [0, 1].
        found: the share of the queries with a match that are answered rightly, in [0, 1].
        refused: the share of the queries without a match that get no answer, in [0, 1].
    """

    score: float
    precision: float
    found: float
    refused: float


def least_score(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    matches: Matches | ArrayLike,
    precision: float,
) -> LeastScore:
    """Chooses the lowest score at which first answers have a wanted precision.

    Every text is asked for twice: among all images, and among those that it does not belong to, so
    that half of the queries have no match. Choose on a validation split. Among more images than
    there, the best wrong one scores higher, and the precision is lower.

    Args:
        image_embeddings: float `(n, dim)`.
        text_embeddings: float `(m, dim)`.
        matches: a `Matches`, or a form that `Matches.of` takes. Texts without a match are left out.
        precision: in (0, 1].

    Raises:
        ValueError: if `precision` is out of range, or no text has a match.

    Examples:
        >>> images = np.array([[1.0, 0.0], [0.0, 1.0]])
        >>> texts = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.5]])
        >>> found = least_score(images, texts, [0, 1, 1], precision=1.0)
        >>> [round(value, 2) for value in found]  # the third text is answered wrongly
        [0.8, 1.0, 0.67, 1.0]
    """
    if not 0 < precision <= 1:
        raise ValueError(f"`precision` must be in (0, 1]. Received: precision={precision}")
    images, texts = (np.asarray(e, np.float32) for e in (image_embeddings, text_embeddings))
    matches = Matches.of(matches, len(images))
    counts = matches.images_per_text()
    asked = np.flatnonzero(counts)
    if not len(asked):
        raise ValueError("`matches` must have some. Received: none")
    depth = min(len(images), 1 + int(counts.max()) + _ignored_per_text(matches))
    scores, rows = Index(images).search(texts[asked], depth)
    kind = _kinds(matches, asked, rows)
    first = _first_of(scores, kind != _IGNORED)
    first_kind = np.take_along_axis(kind, (kind != _IGNORED).argmax(axis=1)[:, None], 1)[:, 0]
    without = _first_of(scores, kind == _NEGATIVE)
    all_scores = np.concatenate([first, without])
    right = np.concatenate([first_kind == _MATCH, np.zeros(len(asked), bool)])
    order = np.argsort(-all_scores, kind="stable")
    falling = all_scores[order]
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    # A score cuts between different scores, never between equal ones.
    ends = np.append(falling[1:] != falling[:-1], True) & np.isfinite(falling)
    good = np.flatnonzero(ends & (shares >= precision))
    if not len(good):
        return LeastScore(np.inf, np.nan, 0.0, 1.0)
    last = good[-1]
    score = falling[last]
    return LeastScore(
        float(score),
        float(shares[last]),
        float(np.mean(right[: len(asked)] & (first >= score))),
        float(np.mean(without < score)),
    )


def _kinds(matches: Matches, texts: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Returns what each image is to its text, for rows `(q, k)` of images."""
    keys = rows.astype(np.int64) * matches.num_texts + texts[:, None]
    kinds = np.zeros(rows.shape, np.int8)
    for pairs, kind in ((matches.pairs, _MATCH), (matches.ignored, _IGNORED)):
        known = pairs[:, 0].astype(np.int64) * matches.num_texts + pairs[:, 1]
        kinds[np.isin(keys, known)] = kind
    return kinds


def _first_of(scores: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the first wanted score of each row, -inf where there is none."""
    return np.where(wanted, scores, -np.inf).max(axis=1)


def _ignored_per_text(matches: Matches) -> int:
    return int(np.bincount(matches.ignored[:, 1], minlength=1).max())
