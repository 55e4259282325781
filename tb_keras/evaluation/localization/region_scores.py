"""Phrase localization, which finds the region of a picture that a phrase means."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.evaluation.localization.outcomes import (
    figures_by_category,
    localization_figures,
    localization_outcomes,
    phrase_blocks,
)


def localization_metrics(
    scores: ArrayLike,
    boxes: ArrayLike,
    ground_truth: ArrayLike,
    iou_threshold: float = 0.5,
    ks: Sequence[int] = (1, 5, 10),
) -> dict[str, float]:
    """Measures how well scores find each phrase among the regions of its picture.

    A region is right if its IoU with the true box of the phrase reaches the threshold. The rank of
    a phrase is 1 plus the number of wrong regions that score at least as high as its best right
    region. Ties count against the phrase, in every figure.

    Phrases without a true box are left out and counted. A phrase without any region is a failure in
    every figure. Phrases are taken in blocks, so memory is bounded.

    Args:
        scores: float `(p, r)`, of the r regions in the picture of each phrase. Higher is better,
            and padding has -inf.
        boxes: float `(p, r, 4)`, xyxy. Padding is not read.
        ground_truth: float `(p, 4)`, xyxy, with a row of NaN for a phrase without a box.
        iou_threshold: least IoU of a right region, in (0, 1].
        ks: the k of each recall@k, positive ints.

    Returns:
        A dict with

        - `recall@k`, the percentage of phrases with a right region among the k that score highest;
        - `upper_bound`, the percentage of phrases with a right region, which perfect scores reach;
        - `mean_iou`, the mean IoU of the region that scores highest, in [0, 1];
        - `pointing_game`, the percentage of phrases whose true box holds the centre of that region;
        - `phrases`, the number of phrases with a true box;
        - `without_region`, the number of these that have no region;
        - `without_box`, the number of phrases that were left out.

        Figures without a phrase are NaN.

    Raises:
        ValueError: if shapes disagree, the threshold is out of range, a score is NaN or a box is
            not finite. The message names the row.

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
    """Returns the figures of `localization_metrics` for the phrases of each category.

    Args:
        scores: float `(p, r)`, as `localization_metrics` takes them.
        boxes: float `(p, r, 4)`, xyxy.
        ground_truth: float `(p, 4)`, xyxy.
        categories: p sequences of strings, the categories of each phrase, such as `["people"]`. A
            phrase with several categories counts in each, as in Flickr30K Entities.
        iou_threshold: least IoU of a right region, in (0, 1].
        ks: the k of each recall@k, positive ints.

    Returns:
        For each category, in the order of the names, the dict of `localization_metrics`.

    Raises:
        ValueError: if `localization_metrics` raises one, or `categories` are not p sequences of
            strings.

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
    for rows in phrase_blocks(*scores.shape):
        yield scores[rows], boxes[rows], ground_truth[rows]
