"""How many of all the matches of a query come first: mAP@R and R-precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import first_false
from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.ranks import ROUNDING
from tb_keras.evaluation.retrieval import ScoreBlocks

_BLOCK_VALUES = 2**24  # scores in a block: 64 MiB


def ranked_precision_metrics(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    matches: Matches | ArrayLike,
    image_queries: ArrayLike | None = None,
    text_queries: ArrayLike | None = None,
) -> dict[str, float]:
    """mAP@R, R-precision and recall@1 of retrieval by dot product, in both directions.

    With R the number of a query's matches, R-precision is the share of matches among its first R
    candidates; mAP@R the sum over those places i ≤ R that hold a match of the share of matches
    among the first i, divided by R. Unlike recall@k both ask for all matches, which is what ground
    truths with many of them, such as ECCV Caption, are for.

    A negative that scores at least as high as a match stands before it, and so does one that lies
    below by no more than the matrix product's rounding, as in `retrieval_metrics`. Ignored pairs
    are no candidates. No full sort: only the R best negatives of a query are put in order.

    Args:
        image_embeddings: float `(n, dim)`.
        text_embeddings: float `(m, dim)`.
        matches: a `Matches`, or a form that `Matches.of` takes.
        image_queries: bool `(n,)`, the images to ask for their texts; all if left out. The others
            are candidates still. One without a match is left out in any case.
        text_queries: bool `(m,)`, likewise for texts.

    Returns:
        A dict with, for `i2t` (image queries) and `t2i` (text queries), `_map@r`, `_r_precision`
        and `_recall@1` in percent and `_queries`, how many there were. NaN where there is none.

    Raises:
        ValueError: if shapes disagree, or a score is not finite.

    Reference:
        Musgrave, Belongie and Lim, *A Metric Learning Reality Check*, ECCV 2020
        (arXiv 2003.08505); for images and texts Chun et al., *ECCV Caption*, ECCV 2022 (arXiv
        2204.03359).

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
    step = max(1, _BLOCK_VALUES // max(1, len(texts)))

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
    """The metrics of `ranked_precision_metrics`, for any network that scores pairs.

    Args:
        scores: finite float `(n, m)`, higher is better; or a callable that returns an iterator over
            blocks of its rows, `(rows, m)` each, from the first to the last; called once.
        matches: a `Matches`, or a form that `Matches.of` takes.
        image_queries: as in `ranked_precision_metrics`.
        text_queries: as in `ranked_precision_metrics`.

    Raises:
        ValueError: if `scores` have another shape than `matches` or are not finite.

    Examples:
        >>> scores = [[0.9, 0.8, 0.1], [0.8, 0.1, 0.7]]
        >>> metrics = ranked_precision_metrics_from_scores(scores, np.array([0, 1, 1]))
        >>> metrics["i2t_r_precision"], metrics["i2t_map@r"]
        (75.0, 62.5)
    """
    if callable(scores):
        blocks = scores()
    else:
        array = np.asarray(scores)
        if array.ndim != 2:
            raise ValueError(f"`scores` must have shape (n, m). Received: shape={array.shape}")
        step = max(1, _BLOCK_VALUES // max(1, array.shape[1]))
        blocks = (array[i : i + step] for i in range(0, len(array), step))
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
    # Of each text the best negatives so far; of each pair the score, both kept from block to block.
    best = np.zeros((len(texts), 0))
    keep = matches.images_per_text()[texts].max(initial=0)
    pair_scores = np.empty(len(matches.pairs))
    figures = []
    first = 0
    for block in _checked(blocks, matches):
        rows = slice(*np.searchsorted(matches.pairs[:, 0], [first, first + len(block)]))
        image, text = matches.pairs[rows].T
        pair_scores[rows] = block[image - first, text] - rounding(image, text)
        ignored = matches.ignored
        ignored = ignored[slice(*np.searchsorted(ignored[:, 0], [first, first + len(block)]))]
        block[image - first, text] = block[ignored[:, 0] - first, ignored[:, 1]] = -np.inf
        asked = np.flatnonzero(queries[0][first : first + len(block)])
        most = matches.texts_per_image()[first + asked].max(initial=0)
        of_asked = queries[0][image]
        negatives = _largest(block[asked], most)
        figures.append(_of_queries(negatives, image[of_asked], pair_scores[rows][of_asked]))
        best = _largest(np.concatenate([best, block[:, texts].T], axis=1), keep)
        first += len(block)
    by_text = np.argsort(matches.pairs[:, 1], kind="stable")
    by_text = by_text[queries[1][matches.pairs[by_text, 1]]]
    of_texts = _of_queries(best, matches.pairs[by_text, 1], pair_scores[by_text])
    metrics = {}
    for direction, found in (
        ("i2t", np.concatenate([np.zeros((0, 3)), *figures])),
        ("t2i", of_texts),
    ):
        means = 100.0 * found.mean(axis=0) if len(found) else np.full(3, np.nan)
        for name, mean in zip(("map@r", "r_precision", "recall@1"), means):
            metrics[f"{direction}_{name}"] = float(mean)
        metrics[f"{direction}_queries"] = len(found)
    return metrics


def _of_queries(negatives: np.ndarray, query: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """mAP@R, R-precision and hit at 1, float64 `(q, 3)`.

    Args:
        negatives: `(q, r)`, the best negatives of each query, of the largest R at least so many;
            -inf where there are fewer.
        query: int `(p,)`, sorted: the query of each match, none of them without one.
        scores: `(p,)`, the match's.
    """
    _, start, counts = np.unique(query, return_index=True, return_counts=True)
    found = np.empty((len(counts), 3))
    size = int(counts.max(initial=0))
    step = max(1, _BLOCK_VALUES // max(1, 8 * (negatives.shape[1] + size)))
    for low in range(0, len(counts), step):
        some = slice(low, low + step)
        place = np.arange(size)
        inside = place < counts[some, None]
        of_match = np.where(inside, start[some, None] + place, 0)
        matching = np.where(inside, scores[of_match], -np.inf)
        # Negatives stand first, so that in a stable sort they win ties.
        both = np.concatenate([negatives[some], matching], axis=1)
        order = np.argsort(-both, axis=1, kind="stable")[:, :size]
        hit = (order >= negatives.shape[1]) & inside
        precision = np.cumsum(hit, axis=1) / (place + 1)
        found[some, 0] = (precision * hit).sum(axis=1) / counts[some]
        found[some, 1] = hit.sum(axis=1) / counts[some]
        found[some, 2] = hit[:, 0] if size else 0
    return found


def _largest(scores: np.ndarray, count: int) -> np.ndarray:
    """The `count` largest of each row, or all, in no order."""
    width = scores.shape[1]
    if count >= width:
        return scores
    return (
        np.partition(scores, width - count, axis=1)[:, width - count :] if count else scores[:, :0]
    )


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


def _checked(blocks: Iterable[np.ndarray], matches: Matches) -> Iterator[np.ndarray]:
    """Yields copies of the blocks, in floats that hold their numbers."""
    first = 0
    for block in map(np.asarray, blocks):
        if block.ndim != 2 or block.shape[1] != matches.num_texts:
            raise ValueError(
                f"`scores` must have {matches.num_texts} columns. Received: shape={block.shape}"
            )
        row = first_false(np.isfinite(block).all(axis=1))
        if row is not None:
            raise ValueError(
                f"`scores` must be finite. Received: NaN or infinity in row {first + row}"
            )
        first += len(block)
        if first > matches.num_images:
            break
        yield block.astype(np.promote_types(block.dtype, np.float32))
    if first != matches.num_images:
        raise ValueError(f"`scores` must have {matches.num_images} rows. Received: {first}")
