"""mAP@R, R-precision and nDCG@10, which ask for all matches of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.ranks import ROUNDING
from tb_keras.evaluation.score_blocks import (
    BLOCK_VALUES,
    ScoreBlocks,
    checked_blocks,
    score_blocks,
)

_PLACES = 10  # of nDCG@10


def ranked_precision_metrics(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    matches: Matches | ArrayLike,
    image_queries: ArrayLike | None = None,
    text_queries: ArrayLike | None = None,
) -> dict[str, float]:
    """Measures mAP@R, R-precision, nDCG@10 and recall@1 by dot product, in both directions.

    Let R be the number of matches of a query. R-precision is the share of matches among the first R
    candidates. mAP@R takes, at each of the first R places that holds a match, the share of matches
    up to there, and divides the sum of these shares by R. nDCG@10 adds 1 / log2(1 + place) for each
    match among the first 10 candidates, and divides by the sum that is reached where all matches
    come first. Unlike recall@k, they ask for all matches. They are meant for ground truths with
    many matches, such as ECCV Caption.

    A negative that scores at least as high as a match stands before it. Scores tie if they differ
    by no more than the rounding of the matrix product, as in `retrieval_metrics`. Ignored pairs are
    not candidates. Only the best negatives of a query are sorted, R or 10 of them.

    Args:
        image_embeddings: float `(n, dim)`.
        text_embeddings: float `(m, dim)`.
        matches: a `Matches`, or a form that `Matches.of` takes.
        image_queries: bool `(n,)`, which images are queries, or None for all. The others stay
            candidates. An image without a match is never a query.
        text_queries: bool `(m,)`, the same for texts.

    Returns:
        A dict. Names that begin with `i2t` (image queries) and `t2i` (text queries) end in
        `_map@r`, `_r_precision`, `_ndcg@10` and `_recall@1`, in percent, and `_queries`, the number
        of queries.
        Figures without a query are NaN.

    Raises:
        ValueError: if shapes disagree or a score is not finite.

    Reference:
        Musgrave, Belongie and Lim, *A Metric Learning Reality Check*, ECCV 2020
        (arXiv 2003.08505), for mAP@R; for images and texts Chun et al., *ECCV Caption*, ECCV 2022
        (arXiv 2204.03359). Järvelin and Kekäläinen, *Cumulated Gain-Based Evaluation of IR
        Techniques*, TOIS 2002, for nDCG.

    Examples:
        >>> images = np.eye(2)
        >>> texts = np.array([[1.0, 0.0], [0.9, 0.0], [0.8, 0.0]])
        >>> metrics = ranked_precision_metrics(images, texts, np.array([0, 1, 0]))
        >>> metrics["i2t_r_precision"], metrics["i2t_map@r"]  # image 1 has no hit
        (25.0, 25.0)
    """
    images, texts = (
        np.asarray(embeddings, np.float32) for embeddings in (image_embeddings, text_embeddings)
    )
    if images.ndim != 2 or texts.ndim != 2 or images.shape[1] != texts.shape[1]:
        raise ValueError(
            "`image_embeddings` and `text_embeddings` must have shapes (n, dim) and (m, dim). "
            f"Received: {images.shape} and {texts.shape}"
        )
    lengths = [np.linalg.norm(part, axis=1) for part in (images, texts)]
    step = max(1, BLOCK_VALUES // max(1, len(texts)))

    def rounding(image: np.ndarray, text: np.ndarray) -> np.ndarray:
        return ROUNDING * images.shape[1] ** 0.5 * lengths[0][image] * lengths[1][text]

    blocks = (images[i : i + step] @ texts.T for i in range(0, len(images), step))
    matches = Matches.of(matches, len(images))
    return _metrics(blocks, matches, image_queries, text_queries, rounding)


def ranked_precision_metrics_from_scores(
    scores: ArrayLike | ScoreBlocks,
    matches: Matches | ArrayLike,
    image_queries: ArrayLike | None = None,
    text_queries: ArrayLike | None = None,
) -> dict[str, float]:
    """Returns the figures of `ranked_precision_metrics` for any network that scores pairs.

    Args:
        scores: finite float `(n, m)`, higher is better; or a callable that returns an iterator over
            blocks of its rows, `(rows, m)` each, from the first to the last. It is called once.
        matches: a `Matches`, or a form that `Matches.of` takes.
        image_queries: bool `(n,)`, which images are queries, or None for all.
        text_queries: bool `(m,)`, which texts are queries, or None for all.

    Returns:
        The dict of `ranked_precision_metrics`.

    Raises:
        ValueError: if `scores` do not have the shape of `matches`, or are not finite.

    Examples:
        >>> scores = [[0.9, 0.8, 0.1], [0.8, 0.1, 0.7]]
        >>> metrics = ranked_precision_metrics_from_scores(scores, np.array([0, 1, 1]))
        >>> metrics["i2t_r_precision"], metrics["i2t_map@r"]
        (75.0, 62.5)
    """
    blocks = score_blocks(scores)()
    return _metrics(blocks, Matches.of(matches), image_queries, text_queries, lambda *_: 0.0)


def _metrics(
    blocks: Iterable[np.ndarray],
    matches: Matches,
    image_queries: ArrayLike | None,
    text_queries: ArrayLike | None,
    rounding: Callable[[np.ndarray, np.ndarray], np.ndarray | float],
) -> dict[str, float]:
    queries = [
        _queries("image_queries", image_queries, matches.texts_per_image()),
        _queries("text_queries", text_queries, matches.images_per_text()),
    ]
    texts = np.flatnonzero(queries[1])
    # The best negatives of each text so far, and the score of each match, over all blocks.
    best = np.zeros((len(texts), 0))
    keep = matches.images_per_text()[texts].max(initial=_PLACES)
    pair_scores = np.empty(len(matches.pairs))
    figures = []
    for first, block in checked_blocks(blocks, matches, finite=True):
        block = block.astype(np.promote_types(block.dtype, np.float32))  # a copy
        rows = slice(*np.searchsorted(matches.pairs[:, 0], [first, first + len(block)]))
        image, text = matches.pairs[rows].T
        pair_scores[rows] = block[image - first, text] - rounding(image, text)
        ignored = matches.ignored
        ignored = ignored[slice(*np.searchsorted(ignored[:, 0], [first, first + len(block)]))]
        block[image - first, text] = block[ignored[:, 0] - first, ignored[:, 1]] = -np.inf
        asked = np.flatnonzero(queries[0][first : first + len(block)])
        most = matches.texts_per_image()[first + asked].max(initial=_PLACES)
        of_asked = queries[0][image]
        negatives = _largest(block[asked], most)
        figures.append(_of_queries(negatives, image[of_asked], pair_scores[rows][of_asked]))
        best = _largest(np.concatenate([best, block[:, texts].T], axis=1), keep)
    by_text = np.argsort(matches.pairs[:, 1], kind="stable")
    by_text = by_text[queries[1][matches.pairs[by_text, 1]]]
    of_texts = _of_queries(best, matches.pairs[by_text, 1], pair_scores[by_text])
    metrics = {}
    for direction, found in (
        ("i2t", np.concatenate([np.zeros((0, 4)), *figures])),
        ("t2i", of_texts),
    ):
        means = 100.0 * found.mean(axis=0) if len(found) else np.full(4, np.nan)
        for name, mean in zip(("map@r", "r_precision", "ndcg@10", "recall@1"), means):
            metrics[f"{direction}_{name}"] = float(mean)
        metrics[f"{direction}_queries"] = len(found)
    return metrics


def _of_queries(negatives: np.ndarray, query: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns mAP@R, R-precision, nDCG@10 and hit at 1 of each query, float64 `(q, 4)`.

    Args:
        negatives: float `(q, r)`, the scores of the r best negatives of each query, where r is at
            least the largest R and 10; -inf where a query has fewer.
        query: int `(p,)`, sorted, the query of each match. Every query has one.
        scores: float `(p,)`, the score of each match.
    """
    _, start, counts = np.unique(query, return_index=True, return_counts=True)
    found = np.empty((len(counts), 4))
    size = int(counts.max(initial=0))
    gains = 1 / np.log2(2 + np.arange(_PLACES))
    best_gains = np.cumsum(gains)[np.minimum(counts, _PLACES) - 1]
    step = max(1, BLOCK_VALUES // max(1, 8 * (negatives.shape[1] + size)))
    for low in range(0, len(counts), step):
        some = slice(low, low + step)
        place = np.arange(size)
        inside = place < counts[some, None]
        of_match = np.where(inside, start[some, None] + place, 0)
        matching = np.where(inside, scores[of_match], -np.inf)
        # Negatives come first, so that they win ties in a stable sort.
        both = np.concatenate([negatives[some], matching], axis=1)
        order = np.argsort(-both, axis=1, kind="stable")
        is_match = order >= negatives.shape[1]
        # Padding is -inf, and after the negatives that are: it stands last.
        first = is_match[:, :_PLACES] & np.isfinite(np.take_along_axis(both, order, 1)[:, :_PLACES])
        hit = is_match[:, :size] & inside
        precision = np.cumsum(hit, axis=1) / (place + 1)
        found[some, 0] = (precision * hit).sum(axis=1) / counts[some]
        found[some, 1] = hit.sum(axis=1) / counts[some]
        found[some, 2] = first @ gains[: first.shape[1]] / best_gains[some]
        found[some, 3] = hit[:, 0] if size else 0
    return found


def _largest(scores: np.ndarray, count: int) -> np.ndarray:
    """Returns the `count` largest scores of each row, or all of them, in no order."""
    rest = scores.shape[1] - count
    if rest <= 0 or not count:
        return scores[:, :count]
    return np.partition(scores, rest, axis=1)[:, rest:]


def _queries(argument: str, queries: ArrayLike | None, counts: np.ndarray) -> np.ndarray:
    if queries is None:
        return counts > 0
    queries = np.asarray(queries)
    if queries.shape != counts.shape or queries.dtype != bool:
        raise ValueError(
            f"`{argument}` must be a bool array of shape {counts.shape}. "
            f"Received: shape={queries.shape}, dtype={queries.dtype}"
        )
    return queries & (counts > 0)
