"""The ranking loss by loops over pairs in float64 NumPy, straight from its written formulas.

It shares no code with `tb_keras`. Beside the loss it counts triplets and tells how far the point is
from the nearest kink (a hinge at zero, a change of the K largest, a change of the farthest
neighbour), so that finite differences can be taken where the loss is smooth.
"""

import math
from typing import NamedTuple

import numpy as np

from tests.losses import finite_differences

TERMS = ("image_anchor", "text_anchor", "image_neighborhood", "text_neighborhood")


class Relation(NamedTuple):
    """Dense bool masks of a batch: (n, m), (n, m), (m, m) and (n, n)."""

    matches: np.ndarray
    negatives: np.ndarray
    text_negatives: np.ndarray
    image_negatives: np.ndarray


class Term(NamedTuple):
    loss: float
    violating: int
    triplets: int
    to_kink: float


def relation(matches, ignored=None, padded_images=(), padded_texts=()) -> Relation:
    """The four masks of a relation, by loops."""
    matches = np.array(matches, bool)
    n, m = matches.shape
    ignored = np.zeros((n, m), bool) if ignored is None else np.array(ignored, bool)
    negatives = ~matches & ~ignored
    for i in padded_images:
        matches[i] = negatives[i] = False
    for j in padded_texts:
        matches[:, j] = negatives[:, j] = False

    def apart(matches, negatives, padded):
        size = matches.shape[1]
        result = np.zeros((size, size), bool)
        for j in range(size):
            for k in range(size):
                neighbors = any(matches[i, j] and matches[i, k] for i in range(len(matches)))
                safe = all(negatives[i, k] for i in range(len(matches)) if matches[i, j])
                safe &= all(negatives[i, j] for i in range(len(matches)) if matches[i, k])
                result[j, k] = (
                    j != k and not neighbors and safe and j not in padded and k not in padded
                )
        return result

    return Relation(
        matches,
        negatives,
        apart(matches, negatives, padded_texts),
        apart(matches.T, negatives.T, padded_images),
    )


def distance(u, v) -> float:
    return math.sqrt(float(np.sum((u - v) ** 2)) + 1e-4)


def _top(values, top_k):
    """Mean of the K largest, and the gap that keeps them the K largest."""
    values = sorted(values, reverse=True)
    kept = values if top_k is None else values[:top_k]
    if not kept:
        return 0.0, math.inf
    # Hinges that are both zero may change places freely: only a positive one matters.
    cut = len(kept) < len(values) and kept[-1] > 0
    return sum(kept) / len(kept), (kept[-1] - values[len(kept)]) if cut else math.inf


def _over_pairs(anchors, candidates, positives, negatives, margin, top_k) -> Term:
    means, violating, triplets, to_kink = [], 0, 0, math.inf
    for a in range(len(anchors)):
        apart = {
            k: distance(anchors[a], candidates[k])
            for k in range(len(candidates))
            if negatives[a, k]
        }
        for p in range(len(candidates)):
            if not positives[a, p]:
                continue
            near = distance(anchors[a], candidates[p])
            raw = [margin + near - far for far in apart.values()]
            hinges = [max(value, 0.0) for value in raw]
            mean, gap = _top(hinges, top_k)
            means.append(mean)
            to_kink = min([to_kink, gap, *map(abs, raw)])
            kept = sorted(hinges, reverse=True)[:top_k]
            violating += sum(value > 0 for value in kept)
            triplets += len(kept)
    return Term(sum(means) / max(len(means), 1), violating, triplets, to_kink)


def _hardest(embeddings, matches, apart, margin, top_k) -> Term:
    """Neighbourhood of the column view of `matches` against each one's farthest neighbour."""
    means, violating, triplets, to_kink = [], 0, 0, math.inf
    size = len(embeddings)
    for j in range(size):
        if not matches[:, j].any():
            continue
        neighbors = [
            distance(embeddings[j], embeddings[k])
            for k in range(size)
            if (matches[:, j] & matches[:, k]).any()
        ]
        neighbors.sort(reverse=True)
        raw = [
            margin + neighbors[0] - distance(embeddings[j], embeddings[k])
            for k in range(size)
            if apart[j, k]
        ]
        hinges = [max(value, 0.0) for value in raw]
        mean, gap = _top(hinges, top_k)
        means.append(mean)
        second = [neighbors[0] - neighbors[1]] if len(neighbors) > 1 else []
        to_kink = min([to_kink, gap, *map(abs, raw), *second])
        kept = sorted(hinges, reverse=True)[:top_k]
        violating += sum(value > 0 for value in kept)
        triplets += len(kept)
    return Term(sum(means) / max(len(means), 1), violating, triplets, to_kink)


def terms(images, texts, masks: Relation, margin=0.05, top_k=10, positive="hardest"):
    """All four terms, a dict of `Term`."""
    images, texts = np.asarray(images, np.float64), np.asarray(texts, np.float64)

    def neighborhood(embeddings, matches, apart):
        if positive == "hardest":
            return _hardest(embeddings, matches, apart, margin, top_k)
        size = len(embeddings)
        neighbors = np.array(
            [
                [j != k and bool((matches[:, j] & matches[:, k]).any()) for k in range(size)]
                for j in range(size)
            ],
            bool,
        ).reshape(size, size)
        return _over_pairs(embeddings, embeddings, neighbors, apart, margin, top_k)

    return {
        "image_anchor": _over_pairs(images, texts, masks.matches, masks.negatives, margin, top_k),
        "text_anchor": _over_pairs(
            texts, images, masks.matches.T, masks.negatives.T, margin, top_k
        ),
        "image_neighborhood": neighborhood(images, masks.matches.T, masks.image_negatives),
        "text_neighborhood": neighborhood(texts, masks.matches, masks.text_negatives),
    }


def loss(images, texts, masks: Relation, weights, **settings) -> float:
    """The weighted sum; `weights` maps the names in `TERMS` to numbers."""
    found = terms(images, texts, masks, **settings)
    return sum(weights[name] * found[name].loss for name in TERMS)


def distance_to_kink(images, texts, masks: Relation, weights, **settings) -> float:
    """How far the hinges of the terms with a weight are from a kink."""
    found = terms(images, texts, masks, **settings)
    return min((found[name].to_kink for name in TERMS if weights[name]), default=math.inf)


def gradient(images, texts, masks: Relation, weights, **settings):
    """Central finite differences of `loss`, with respect to both sets of embeddings."""
    return finite_differences.gradients(
        lambda *both: loss(*both, masks, weights, **settings), images, texts
    )
