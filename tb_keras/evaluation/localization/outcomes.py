"""The outcome of each phrase, and the localization figures that follow from outcomes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tb_keras.checks.arguments import first_false
from tb_keras.corpus.boxes import centers, contains, elementwise_iou

_BLOCK_REGIONS = 2**18  # regions of a block of phrases: about 40 MB
_OUTCOME = [
    ("has_box", bool),
    ("has_region", bool),
    ("rank", np.int64),  # of the best right region, from 1; 0 where no region is right
    ("iou", np.float64),  # of the region that scores highest; 0 where there is none
    ("pointed", bool),  # the centre of that region lies in the true box
]


def phrase_blocks(phrases: int, regions: int) -> Iterator[slice]:
    """Yields blocks of phrases that have `regions` regions each, so that memory is bounded."""
    step = max(1, _BLOCK_REGIONS // max(1, regions))
    for first in range(0, phrases, step):
        yield slice(first, min(first + step, phrases))


def localization_outcomes(
    blocks: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]], iou_threshold: float
) -> np.ndarray:
    """Returns the outcome of each phrase.

    Args:
        blocks: scores, boxes and ground truth of some phrases at a time, in the shapes that
            `tb_keras.evaluation.localization_metrics` takes.
        iou_threshold: least IoU of a right region, in (0, 1].

    Returns:
        A structured array `(p,)` with the fields `has_box`, `has_region`, `rank`, `iou` and
        `pointed`. Where regions tie for the highest score, the worst region counts.

    Raises:
        ValueError: if the threshold is out of range, a score is NaN or a box is not finite. The
            message names the row.

    Examples:
        >>> block = (
        ...     np.array([[0.1, 0.9]]),
        ...     np.array([[[0, 0, 4, 4], [0, 0, 4, 1]]]),
        ...     np.array([[0, 0, 4, 4]]),
        ... )
        >>> outcomes = localization_outcomes([block], iou_threshold=0.5)
        >>> outcomes["rank"], outcomes["iou"]
        (array([2]), array([0.25]))
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"`iou_threshold` must be in (0, 1]. Received: {iou_threshold!r}")
    outcomes = [np.zeros(0, _OUTCOME)]
    first = 0
    for scores, boxes, truth in blocks:
        outcomes.append(_of_block(scores, boxes, truth, float(iou_threshold), first))
        first += len(scores)
    return np.concatenate(outcomes)


def localization_figures(outcomes: np.ndarray, ks: Sequence[int]) -> dict[str, float]:
    """Returns the dict of `tb_keras.evaluation.localization_metrics` for some phrases.

    Args:
        outcomes: rows of the array that `localization_outcomes` returns.
        ks: the k of each recall@k.
    """
    counted = outcomes[outcomes["has_box"]]
    rank = counted["rank"]

    def mean(values: np.ndarray) -> float:
        return float(np.mean(values)) if len(values) else np.nan

    return {
        **{f"recall@{k}": 100 * mean((rank > 0) & (rank <= k)) for k in ks},
        "upper_bound": 100 * mean(rank > 0),
        "mean_iou": mean(counted["iou"]),
        "pointing_game": 100 * mean(counted["pointed"]),
        "phrases": len(counted),
        "without_region": int(np.count_nonzero(~counted["has_region"])),
        "without_box": len(outcomes) - len(counted),
    }


def figures_by_category(
    outcomes: np.ndarray, categories: Sequence[Sequence[str]], ks: Sequence[int]
) -> dict[str, dict[str, float]]:
    """Returns the figures of the phrases of each category, in the order of the names.

    Args:
        outcomes: the array that `localization_outcomes` returns.
        categories: the categories of each phrase, as `localization_metrics_by_category` takes them.
        ks: the k of each recall@k.
    """
    rows = np.repeat(np.arange(len(outcomes)), [len(names) for names in categories])
    names, category = np.unique(list(itertools.chain(*categories)), return_inverse=True)
    # Distinct rows, since a category that a phrase has twice counts once.
    return {
        str(name): localization_figures(outcomes[np.unique(rows[category == number])], ks)
        for number, name in enumerate(names)
    }


def _of_block(scores, boxes, truth, iou_threshold: float, first: int) -> np.ndarray:
    # Whole numbers have no infinity. In float64 the area of every box of whole pixels is exact.
    scores = scores if scores.dtype.kind == "f" else scores.astype(np.float64)
    boxes, truth = boxes.astype(np.float64), truth.astype(np.float64)
    region = scores > -np.inf
    outcomes = np.zeros(len(scores), _OUTCOME)
    outcomes["has_box"] = ~np.isnan(truth).all(axis=1)
    outcomes["has_region"] = region.any(axis=1)
    boxes[~region] = 0
    truth[~outcomes["has_box"]] = 0
    _check("scores", ~np.isnan(scores), "not hold NaN", first)
    _check("boxes", np.isfinite(boxes), "be finite", first)
    _check("ground_truth", np.isfinite(truth), "be finite, or NaN in a whole row", first)

    overlap = elementwise_iou(boxes, truth[:, None])
    right = overlap >= iou_threshold  # never in padding, where the box is empty
    best = np.max(scores, axis=1, initial=-np.inf, where=right, keepdims=True)
    above = ~right & (scores >= best)
    outcomes["rank"] = np.where(right.any(axis=1), 1 + np.count_nonzero(above, axis=1), 0)

    top = region & (scores == np.max(scores, axis=1, initial=-np.inf, keepdims=True))
    worst = np.min(overlap, axis=1, initial=1, where=top)
    held = (contains(truth[:, None], centers(boxes)) | ~top).all(axis=1)
    outcomes["iou"] = np.where(outcomes["has_region"], worst, 0)
    outcomes["pointed"] = outcomes["has_region"] & held
    return outcomes


def _check(argument: str, right: np.ndarray, expected: str, first: int) -> None:
    row = first_false(np.all(right.reshape(len(right), -1), axis=1))
    if row is not None:
        raise ValueError(
            f"`{argument}` must {expected}. Received: NaN or infinity in row {first + row}"
        )
