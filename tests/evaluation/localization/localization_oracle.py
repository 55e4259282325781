"""The localization figures, one phrase after the other in plain Python, on whole pixels."""

import math
from fractions import Fraction


def pixels(box):
    left, top, right, bottom = (int(side) for side in box)
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


def iou(a, b):
    a, b = pixels(a), pixels(b)
    return Fraction(len(a & b), len(a | b)) if a | b else Fraction(0)


def outcome(scores, boxes, truth, threshold):
    """(rank or None, IoU of the first region, pointed, has a region) of one phrase with a box."""
    regions = []
    for score, box in zip(scores, boxes):
        if score == -math.inf:
            continue
        overlap = iou(box, truth)
        x, y = Fraction(int(box[0] + box[2]), 2), Fraction(int(box[1] + box[3]), 2)
        held = truth[0] <= x < truth[2] and truth[1] <= y < truth[3]
        regions.append((score, overlap >= threshold, overlap, held))
    if not regions:
        return None, Fraction(0), False, False
    # In a tie the wrong ones come first.
    regions.sort(key=lambda region: (-region[0], region[1]))
    rank = next((place for place, region in enumerate(regions, 1) if region[1]), None)
    first = [region for region in regions if region[0] == regions[0][0]]
    return rank, min(region[2] for region in first), all(region[3] for region in first), True


def figures(scores, boxes, ground_truth, threshold, ks, phrases=None):
    phrases = range(len(scores)) if phrases is None else phrases
    found = [
        outcome(scores[p], boxes[p], ground_truth[p], threshold)
        for p in phrases
        if not math.isnan(ground_truth[p][0])
    ]

    def percent(hits):
        return 100 * sum(hits) / len(found) if found else math.nan

    return {
        **{f"recall@{k}": percent([f[0] is not None and f[0] <= k for f in found]) for k in ks},
        "upper_bound": percent([f[0] is not None for f in found]),
        "mean_iou": float(sum(f[1] for f in found) / len(found)) if found else math.nan,
        "pointing_game": percent([f[2] for f in found]),
        "phrases": len(found),
        "without_region": sum(not f[3] for f in found),
        "without_box": len(phrases) - len(found),
    }
