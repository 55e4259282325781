"""Recall@k and median and mean rank of retrieval in both directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.checked_embeddings import checked_embeddings
from tb_keras.evaluation.hits_by_picture import hits_of_ranks
from tb_keras.evaluation.picture_bootstrap import figure_error
from tb_keras.evaluation.ranks import ranks_from_embeddings, ranks_from_scores
from tb_keras.evaluation.score_blocks import ScoreBlocks, score_blocks


def retrieval_metrics(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    matches: Matches | ArrayLike,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """Measures image-to-text and text-to-image retrieval by dot product.

    `recall@k` is the hit rate, the share of queries with at least one match among the first k. The
    literature on image-text matching uses the word like this. Some libraries use it for the share
    of all matches that are found, which is another figure.

    The rank of a query is 1 plus the number of candidates that score at least as high as its best
    match. Ties count against the query. Other matches and ignored pairs do not compete. Queries
    without a match are left out.

    Scores are computed and counted in blocks, without sorting, so memory is bounded.

    Args:
        image_embeddings: float `(n, dim)`.
        text_embeddings: float `(m, dim)`.
        matches: a `Matches`, or a form that `Matches.of` takes.
        ks: the k of each recall@k, positive ints.

    Returns:
        A dict. Names that begin with `i2t` (image queries) and `t2i` (text queries) end in
        `_recall@k`, in percent, `_median_rank` and `_mean_rank`, from 1, `_mrr`, the mean
        reciprocal rank, in percent, and `_queries`, the number of queries. `rsum` is the sum of all
        recalls, `rsum_error` its standard error over pictures (see `paired_difference`), and
        `mean_recall` the mean of all recalls. Figures without a query are NaN.

    Raises:
        ValueError: if shapes disagree or an embedding is not finite.

    Examples:
        >>> images = np.eye(2)
        >>> texts = np.array([[1.0, 0.0], [0.6, 0.8], [0.9, 0.1]])
        >>> metrics = retrieval_metrics(images, texts, np.array([0, 0, 1]), ks=(1, 2))
        >>> metrics["i2t_recall@1"], metrics["i2t_recall@2"], metrics["t2i_recall@1"]
        (50.0, 100.0, 33.33333333333333)
    """
    embedded = checked_embeddings(image_embeddings, text_embeddings, matches)
    return figures_of_ranks(*ranks_from_embeddings(*embedded), embedded[-1], ks)


def retrieval_metrics_from_scores(
    scores: ArrayLike | ScoreBlocks,
    matches: Matches | ArrayLike,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """Returns the figures of `retrieval_metrics` for any network that scores pairs.

    Args:
        scores: float `(n, m)`, higher is better. For a matrix that does not fit into memory, a
            callable that returns an iterator over blocks of its rows, `(rows, m)` each, from the
            first to the last. It is called twice.
        matches: a `Matches`, or a form that `Matches.of` takes.
        ks: the k of each recall@k, positive ints.

    Returns:
        The dict of `retrieval_metrics`.

    Raises:
        ValueError: if `scores` do not have the shape of `matches`, or hold NaN.

    Examples:
        >>> retrieval_metrics_from_scores(np.eye(3), np.arange(3))["rsum"]
        600.0
    """
    blocks = score_blocks(scores)
    matches = Matches.of(matches, None if callable(scores) else np.shape(scores)[0])
    return figures_of_ranks(*ranks_from_scores(blocks, matches), matches, ks)


def figures_of_ranks(
    image_ranks: np.ndarray, text_ranks: np.ndarray, matches: Matches, ks: Sequence[int]
) -> dict[str, float]:
    """Returns the dict of `retrieval_metrics`.

    Args:
        image_ranks: int `(n,)`, from 1, and 0 for a query without a match.
        text_ranks: int `(m,)`, so too.
        matches: between images and texts.
        ks: the k of each recall@k, positive ints.
    """
    metrics: dict[str, float] = {}
    recalls: list[float] = []
    for direction, ranks in (("i2t", image_ranks), ("t2i", text_ranks)):
        ranks = ranks[ranks > 0]
        found = {k: float(100 * np.mean(ranks <= k)) if len(ranks) else np.nan for k in ks}
        recalls += found.values()
        metrics |= {f"{direction}_recall@{k}": recall for k, recall in found.items()}
        metrics[f"{direction}_median_rank"] = float(np.median(ranks)) if len(ranks) else np.nan
        metrics[f"{direction}_mean_rank"] = float(np.mean(ranks)) if len(ranks) else np.nan
        metrics[f"{direction}_mrr"] = float(100 * np.mean(1 / ranks)) if len(ranks) else np.nan
        metrics[f"{direction}_queries"] = len(ranks)
    return {
        **metrics,
        "rsum": float(np.sum(recalls)),
        "rsum_error": figure_error(hits_of_ranks(image_ranks, text_ranks, matches, ks)),
        "mean_recall": float(np.mean(recalls)),
    }
