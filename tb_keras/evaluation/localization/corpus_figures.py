"""Localization figures of a corpus, from one score for each pair of a region and a phrase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.evaluation.localization.outcomes import (
    figures_by_category,
    localization_figures,
    localization_outcomes,
    phrase_blocks,
)
from tb_keras.evaluation.picture_bootstrap import figure_error


def corpus_localization_metrics(
    pair_scores: ArrayLike,
    corpus: Corpus,
    iou_threshold: float = 0.5,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """Returns the figures of `localization_metrics` for the regions and phrases of a corpus.

    Args:
        pair_scores: float `(q,)`, the score of every pair of `Grounding.same_picture_pairs`, in
            that order. NaN and -inf are not allowed.
        corpus: a corpus with a grounding.
        iou_threshold: least IoU of a right region, in (0, 1].
        ks: the k of each recall@k, positive ints.

    Returns:
        The dict of `localization_metrics`, and `recall@1_error`, the standard error of recall@1
        over pictures, in percent (see `paired_difference`).

    Raises:
        ValueError: if the corpus has no grounding, the number of scores is wrong, a score is NaN or
            -inf, or the threshold is out of range.

    Examples:
        >>> grounding = Grounding(
        ...     ["park.jpg"],
        ...     [[640, 480]],
        ...     region_pictures=[0, 0],
        ...     region_boxes=[[0, 0, 100, 100], [300, 200, 400, 300]],
        ...     phrase_pictures=[0],
        ...     phrase_boxes=[[10, 0, 100, 100]],
        ... )
        >>> corpus = Corpus(grounding.matches_by_iou(), grounding=grounding)
        >>> corpus_localization_metrics([0.8, 0.3], corpus)["recall@1"]
        100.0
    """
    outcomes = _outcomes(pair_scores, corpus, iou_threshold)
    figures = localization_figures(outcomes, ks)
    return {**figures, "recall@1_error": figure_error(_hits(outcomes, corpus.grounding))}


def localization_hits(
    pair_scores: ArrayLike, corpus: Corpus, iou_threshold: float = 0.5
) -> np.ndarray:
    """Returns what each picture adds to recall@1.

    Args:
        pair_scores: float `(q,)`, as `corpus_localization_metrics` takes them.
        corpus: a corpus with a grounding, of n pictures.
        iou_threshold: least IoU of a right region, in (0, 1].

    Returns:
        int64 `(n, 2)`: the picture's phrases with a true box, and how many of them are found.
        `paired_difference` takes the hits of two networks.

    Raises:
        ValueError: as in `corpus_localization_metrics`.
    """
    return _hits(_outcomes(pair_scores, corpus, iou_threshold), corpus.grounding)


def corpus_localization_metrics_by_category(
    pair_scores: ArrayLike,
    corpus: Corpus,
    attribute: str = "categories",
    iou_threshold: float = 0.5,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, dict[str, float]]:
    """Returns the figures of `corpus_localization_metrics` for the phrases of each category.

    Args:
        pair_scores: float `(q,)`, as `corpus_localization_metrics` takes them.
        corpus: a corpus with a grounding.
        attribute: the text attribute that holds a string or a sequence of strings for each phrase.
        iou_threshold: least IoU of a right region, in (0, 1].
        ks: the k of each recall@k, positive ints.

    Returns:
        For each category, in the order of the names, the dict of `localization_metrics`.

    Raises:
        ValueError: if `corpus_localization_metrics` raises one, or the texts have no such
            attribute.

    Examples:
        >>> grounding = Grounding(
        ...     ["park.jpg"],
        ...     [[640, 480]],
        ...     [0],
        ...     [[0, 0, 100, 100]],
        ...     [0, 0],
        ...     [[10, 0, 100, 100], [300, 300, 400, 400]],
        ... )
        >>> corpus = Corpus(
        ...     grounding.matches_by_iou(),
        ...     grounding=grounding,
        ...     text_attributes={"categories": [["animals"], ["people"]]},
        ... )
        >>> found = corpus_localization_metrics_by_category([0.8, 0.3], corpus)
        >>> {name: figures["recall@1"] for name, figures in found.items()}
        {'animals': 100.0, 'people': 0.0}
    """
    if attribute not in corpus.text_attributes:
        raise ValueError(
            f"`attribute` must be one of {sorted(corpus.text_attributes)}. Received: {attribute!r}"
        )
    values = corpus.text_attributes[attribute]
    categories = [[value] if isinstance(value, str) else value for value in values]
    return figures_by_category(_outcomes(pair_scores, corpus, iou_threshold), categories, ks)


def _hits(outcomes: np.ndarray, grounding: Grounding) -> np.ndarray:
    hits = np.zeros((len(grounding.picture_paths), 2), int)
    counted = outcomes["has_box"]
    np.add.at(hits[:, 0], grounding.phrase_pictures[counted], 1)
    np.add.at(hits[:, 1], grounding.phrase_pictures[counted & (outcomes["rank"] == 1)], 1)
    return hits


def _outcomes(pair_scores: ArrayLike, corpus: Corpus, iou_threshold: float) -> np.ndarray:
    grounding = corpus.grounding
    if grounding is None:
        raise ValueError(f"`corpus` must have a grounding. Received: {corpus!r}")
    regions = grounding.regions_per_phrase()
    pair_scores = _checked_pair_scores(pair_scores, int(regions.sum()))
    starts = np.concatenate([[0], np.cumsum(regions)])

    def blocks():
        for phrases in phrase_blocks(len(regions), int(regions.max(initial=0))):
            part = grounding.subset(slice(None), phrases)
            some = pair_scores[starts[phrases.start] : starts[phrases.stop]]
            yield *padded_by_phrase(part, some), part.phrase_boxes

    return localization_outcomes(blocks(), iou_threshold)


def padded_by_phrase(grounding: Grounding, pair_scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Lays out scores of pairs as `localization_metrics` takes them, with a row for each phrase.

    Args:
        grounding: a grounding of p phrases. r is the largest number of regions in one of their
            pictures, and at least 1.
        pair_scores: float `(q,)`, the score of every pair of `Grounding.same_picture_pairs`, in
            that order. NaN and -inf are not allowed.

    Returns:
        float `(p, r)`, the scores, with -inf in padding; and float32 `(p, r, 4)`, the boxes, with 0
        in padding.

    Raises:
        ValueError: if the number of scores is wrong, or a score is NaN or -inf.

    Examples:
        >>> grounding = Grounding(
        ...     ["a.jpg", "b.jpg"],
        ...     [[9, 9], [9, 9]],
        ...     region_pictures=[0, 1, 1],
        ...     region_boxes=[[0, 0, 9, 9], [0, 0, 5, 5], [2, 2, 8, 8]],
        ...     phrase_pictures=[1, 0],
        ...     phrase_boxes=[[2, 2, 9, 9], [0, 0, 9, 8]],
        ... )
        >>> scores, boxes = padded_by_phrase(grounding, [0.1, 0.9, 0.5])
        >>> scores
        array([[ 0.1,  0.9],
               [ 0.5, -inf]])
    """
    counts = grounding.regions_per_phrase()
    pair_scores = _checked_pair_scores(pair_scores, int(counts.sum()))
    regions, phrases = grounding.same_picture_pairs()
    places = np.arange(len(phrases)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = (len(counts), max(1, int(counts.max(initial=0))))
    scores = np.full(shape, -np.inf, pair_scores.dtype)
    scores[phrases, places] = pair_scores
    boxes = np.zeros((*shape, 4), np.float32)
    boxes[phrases, places] = grounding.region_boxes[regions]
    return scores, boxes


def _checked_pair_scores(pair_scores: ArrayLike, size: int) -> np.ndarray:
    scores = np.asarray(pair_scores)
    if scores.shape != (size,):
        raise ValueError(
            f"`pair_scores` must have shape {(size,)}, one score for each pair of a region and a "
            f"phrase of one picture. Received: shape={scores.shape}"
        )
    scores = scores if scores.dtype.kind == "f" else scores.astype(np.float64)
    wrong = ~(scores > -np.inf)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            "`pair_scores` must hold no NaN, and no -inf, which stands for padding. "
            f"Received: {scores[row]} in row {row}"
        )
    return scores
