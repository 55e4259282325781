"""Figures of retrieval in two stages, whose first candidates were ranked again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_rows
from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.checked_embeddings import checked_embeddings
from tb_keras.evaluation.ranks import ranks_from_embeddings
from tb_keras.evaluation.retrieval import figures_of_ranks

Candidates = tuple[ArrayLike, ArrayLike]


def reranked_retrieval_metrics(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    matches: Matches | ArrayLike,
    image_candidates: Candidates,
    text_candidates: Candidates,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """Measures retrieval where the first candidates of each query were ranked again.

    The candidates of a query come first, in the order of their new scores. All others follow in the
    order of their dot products. So the rank of a query with a match among its candidates is 1 plus
    the number of its candidates, neither matching nor ignored, that score at least as high as its
    best match there. The other queries keep the rank of `retrieval_metrics`.

    Args:
        image_embeddings: float `(n, dim)`.
        text_embeddings: float `(m, dim)`.
        matches: a `Matches`, or a form that `Matches.of` takes.
        image_candidates: for each image the texts of highest dot product, int `(n, c)`, distinct in
            a row, and their new scores, float `(n, c)`, higher is better.
        text_candidates: the same for each text, `(m, c)` images and their scores.
        ks: the k of each recall@k, positive ints.

    Returns:
        The dict of `retrieval_metrics`.

    Raises:
        ValueError: if shapes disagree, an embedding is not finite, a candidate is out of range, or
            a score is NaN.

    Examples:
        >>> images = texts = np.eye(2)
        >>> worse = [[0, 1], [1, 0]], [[0.1, 0.9], [0.1, 0.9]]
        >>> metrics = reranked_retrieval_metrics(images, texts, [0, 1], worse, worse, ks=(1, 2))
        >>> metrics["i2t_recall@1"], metrics["i2t_recall@2"]
        (0.0, 100.0)
    """
    images, texts, matches = checked_embeddings(image_embeddings, text_embeddings, matches)
    image_ranks, text_ranks = ranks_from_embeddings(images, texts, matches)
    image_candidates = _checked("image_candidates", image_candidates, len(images), len(texts))
    text_candidates = _checked("text_candidates", text_candidates, len(texts), len(images))
    return figures_of_ranks(
        reranked_ranks(image_ranks, *image_candidates, matches),
        reranked_ranks(text_ranks, *text_candidates, matches.transposed()),
        matches,
        ks,
    )


def reranked_ranks(
    ranks: np.ndarray, rows: np.ndarray, scores: np.ndarray, matches: Matches
) -> np.ndarray:
    """Returns the ranks of queries whose candidates were ranked again.

    Args:
        ranks: int `(q,)`, from the first stage.
        rows: int `(q, c)`, the candidates of each query.
        scores: float `(q, c)`, their new scores.
        matches: between the queries, as its images, and what they look for, as its texts.

    Raises:
        ValueError: if a score is NaN.
    """
    if np.isnan(scores).any():
        raise ValueError("The new scores of candidates must not hold NaN.")
    keys = np.arange(len(rows))[:, None] * matches.num_texts + rows
    matching, ignored = (
        np.isin(keys, pairs[:, 0].astype(np.int64) * matches.num_texts + pairs[:, 1])
        for pairs in (matches.pairs, matches.ignored)
    )
    best = np.where(matching, scores, -np.inf).max(axis=1, initial=-np.inf)
    ahead = (scores >= best[:, None]) & ~matching & ~ignored
    return np.where(matching.any(axis=1), 1 + np.count_nonzero(ahead, axis=1), ranks)


def _checked(
    argument: str, candidates: Candidates, queries: int, size: int
) -> tuple[np.ndarray, np.ndarray]:
    rows, scores = map(np.asarray, candidates)
    if rows.ndim != 2 or rows.shape != scores.shape or len(rows) != queries:
        raise ValueError(
            f"`{argument}` must be rows and scores of one shape ({queries}, c). "
            f"Received: shapes {rows.shape} and {scores.shape}"
        )
    check_rows(argument, rows, size)
    return rows, scores
