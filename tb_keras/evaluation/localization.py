"""Phrase localization: which of a picture's regions is where the phrase truly is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.evaluation.localization_outcomes import (
    BLOCK_REGIONS,
    figures_by_category,
    localization_figures,
    localization_outcomes,
)


def localization_metrics(
    scores: ArrayLike,
    boxes: ArrayLike,
    ground_truth: ArrayLike,
    iou_threshold: float = 0.5,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """How well scores find each phrase among the regions of its picture.

    A region is right when its IoU with the phrase's true box reaches the threshold. A phrase's rank
    is 1 + the number of wrong regions that score at least as high as its best right one: ties count
    against the phrase, in every figure.

    Phrases without a true box are left out and counted. A phrase without any region is a failure in
    every figure. Memory is bounded by a block of phrases.

    Args:
        scores: float `(p, r)`, of the regions of each phrase's picture; higher is better, -inf in
            padding.
        boxes: float `(p, r, 4)` xyxy; what stands in padding is not read.
        ground_truth: float `(p, 4)` xyxy; a row of NaN for a phrase without a box.
        iou_threshold: least IoU of a right region, in (0, 1].
        ks: the k of each recall@k, positive ints.

    Returns:
        A dict with
        `recall@k`: percent of phrases with a right region among the k that score highest;
        `upper_bound`: percent of phrases with a right region at all, what perfect scores would get;
        `mean_iou`: in [0, 1], mean IoU of the region that scores highest;
        `pointing_game`: percent of phrases whose true box holds the centre of that region;
        `phrases`, how many there were; `without_region`, how many of them without any region;
        `without_box`, how many more were left out. NaN where there is no phrase.

    Raises:
        ValueError: if shapes disagree, the threshold is out of range, a score is NaN or a box is
            not finite; the message names the row.

    Reference:
        Plummer et al., *Flickr30k Entities*, ICCV 2015 (recall@k and upper bound at IoU 0.5); Zhang
        et al., *Top-down Neural Attention by Excitation Backprop*, ECCV 2016 (the pointing game).

    Examples:
        >>> boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 3], [9, 9, 12, 12]]])
        >>> metrics = localization_metrics([[0.2, 0.5, 0.9]], boxes, [[0, 0, 4, 4]], ks=(1, 2))
        >>> metrics["recall@1"], metrics["recall@2"], metrics["mean_iou"]
        (0.0, 100.0, 0.0)
    """
    blocks = _array_blocks(*_checked(scores, boxes, ground_truth))
    return localization_figures(localization_outcomes(blocks, iou_threshold), ks)


def localization_metrics_by_category(
    scores: ArrayLike,
    boxes: ArrayLike,
    ground_truth: ArrayLike,
    categories: Sequence[Sequence[str]],
    iou_threshold: float = 0.5,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, dict[str, float]]:
    """The figures of `localization_metrics` for the phrases of each category.

    Args:
        scores: float `(p, r)`.
        boxes: float `(p, r, 4)` xyxy.
        ground_truth: float `(p, 4)` xyxy.
        categories: for each phrase its categories, such as `["people"]`; a phrase of several counts
            in each, as in Flickr30K Entities, and one of none in no category.
        iou_threshold: least IoU of a right region, in (0, 1].
        ks: the k of each recall@k.

    Returns:
        Category → the dict of `localization_metrics`, in the order of the names.

    Raises:
        ValueError: as `localization_metrics`, or if `categories` are no `p` sequences of strings.

    Examples:
        >>> metrics = localization_metrics_by_category(
        ...     scores=[[0.9, 0.1], [0.9, 0.1]],
        ...     boxes=[[[0, 0, 4, 4], [4, 4, 8, 8]]] * 2,
        ...     ground_truth=[[0, 0, 4, 4], [4, 4, 8, 8]],
        ...     categories=[["people"], ["people", "other"]],
        ... )
        >>> {category: figures["recall@1"] for category, figures in metrics.items()}
        {'other': 0.0, 'people': 50.0}
    """
    arrays = _checked(scores, boxes, ground_truth)
    if len(categories) != len(arrays[0]):
        raise ValueError(
            f"`categories` must have {len(arrays[0])} rows, as `scores`. "
            f"Received: {len(categories)}"
        )
    for row, names in enumerate(categories):
        if isinstance(names, str) or not all(isinstance(name, str) for name in names):
            raise ValueError(
                f"`categories` must hold sequences of strings. Received: {names!r} in row {row}"
            )
    outcomes = localization_outcomes(_array_blocks(*arrays), iou_threshold)
    return figures_by_category(outcomes, categories, ks)


def _checked(scores: ArrayLike, boxes: ArrayLike, ground_truth: ArrayLike):
    scores, boxes, ground_truth = map(np.asarray, (scores, boxes, ground_truth))
    if scores.ndim != 2:
        raise ValueError(f"`scores` must have shape (p, r). Received: shape={scores.shape}")
    for name, array, shape in (
        ("boxes", boxes, (*scores.shape, 4)),
        ("ground_truth", ground_truth, (len(scores), 4)),
    ):
        if array.shape != shape:
            raise ValueError(
                f"`{name}` must have shape {shape}, as `scores` has it. "
                f"Received: shape={array.shape}"
            )
    return scores, boxes, ground_truth


def _array_blocks(scores: np.ndarray, boxes: np.ndarray, ground_truth: np.ndarray):
    step = max(1, BLOCK_REGIONS // max(1, scores.shape[1]))
    for first in range(0, len(scores), step):
        rows = slice(first, first + step)
        yield scores[rows], boxes[rows], ground_truth[rows]
