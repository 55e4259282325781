"""The four terms of the ranking loss, over all anchors of a batch at once or block by block."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from tb_keras.corpus.matches import Matches
from tb_keras.losses.batch_arguments import checked_batch, checked_mask
from tb_keras.losses.ranking.anchor_blocks import terms_in_blocks
from tb_keras.losses.ranking.distances import pairwise_distances
from tb_keras.losses.ranking.settings import RankingSettings
from tb_keras.losses.ranking.view_masks import derived_negatives, neighbors
from tb_keras.losses.ranking.violations import hinge_sums, nearest_negatives


class RankingTerm(NamedTuple):
    """One term of the ranking loss.

    Attributes:
        loss: float32 scalar, the term before its weight.
        violating: float32 scalar, how many of its triplets violate the margin.
        triplets: float32 scalar, how many triplets it looks at: each anchor's `top_k` nearest
            negatives with each of the anchor's positives.
    """

    loss: Any
    violating: object
    triplets: object


def ranking_terms(
    image_embeddings,
    text_embeddings,
    matches,
    negatives,
    text_negatives,
    image_negatives,
    settings: RankingSettings,
) -> dict[str, RankingTerm]:
    """Returns the terms that have a weight, by name.

    Args:
        image_embeddings: as `tb_keras.losses.bidirectional_ranking_loss` takes them, like the
            other arguments.
        text_embeddings: float `(m, dim)`.
        matches: bool `(n, m)`, or another form.
        negatives: bool `(n, m)`, or None.
        text_negatives: bool `(m, m)`, or None.
        image_negatives: bool `(n, n)`, or None.
        settings: the settings of the loss.

    Raises:
        ValueError: if an argument has the wrong shape.
    """
    if isinstance(matches, Matches):
        masks = matches.batch_masks(np.arange(matches.num_images), np.arange(matches.num_texts))
        negatives = masks.negatives if negatives is None else negatives
        text_negatives = masks.text_negatives if text_negatives is None else text_negatives
        image_negatives = masks.image_negatives if image_negatives is None else image_negatives
        matches = masks.matches
    *embeddings, matches, negatives = checked_batch(
        image_embeddings, text_embeddings, matches, negatives
    )
    given = (("image_negatives", image_negatives), ("text_negatives", text_negatives))

    def view_negatives(view):
        argument, mask = given[view]
        if mask is None:
            return derived_negatives(matches, negatives, view)
        return checked_mask(argument, mask, (matches.shape[view],) * 2)

    make = _whole_terms if settings.block_rows is None else terms_in_blocks
    terms = make(embeddings, matches, negatives, view_negatives, settings)
    return {name: RankingTerm(*term) for name, term in terms.items()}


def _whole_terms(embeddings, matches, negatives, view_negatives, settings) -> dict[str, tuple]:
    margin, top_k, terms = settings.margin, settings.top_k, {}
    if "image_anchor" in settings.weights or "text_anchor" in settings.weights:
        of_images = pairwise_distances(*embeddings), matches, negatives
    for view, name in enumerate(("image", "text")):
        if f"{name}_anchor" in settings.weights:
            distances, positives, apart = map(ops.transpose, of_images) if view else of_images
            terms[f"{name}_anchor"] = _mean_over_pairs(distances, positives, apart, margin, top_k)
    for view, name in enumerate(("image", "text")):
        if f"{name}_neighborhood" in settings.weights:
            positives, apart = neighbors(matches, view), view_negatives(view)
            distances = pairwise_distances(embeddings[view], embeddings[view])
            mean = _mean_over_anchors
            if settings.positive == "all":
                mean = _mean_over_pairs
                positives = ops.logical_and(positives, ~ops.eye(positives.shape[0], dtype="bool"))
            terms[f"{name}_neighborhood"] = mean(distances, positives, apart, margin, top_k)
    return terms


def _mean_over_pairs(distances, positives, negatives, margin, top_k) -> tuple:
    """Takes the mean over pairs (anchor, positive) of the top-K violations; anchors are rows."""
    nearest, count = nearest_negatives(distances, negatives, top_k)
    sums, violating = hinge_sums(margin + distances, positives, nearest)
    pairs = ops.sum(ops.cast(positives, "float32"), axis=1)
    loss = ops.sum(sums / ops.maximum(count[:, 0], 1.0)) / ops.maximum(ops.sum(pairs), 1.0)
    return loss, ops.sum(violating), ops.sum(pairs * count[:, 0])


def _mean_over_anchors(distances, neighbors, negatives, margin, top_k) -> tuple:
    """Takes the mean over anchors of the top-K violations against the farthest neighbour.

    Only anchors with a match count. These have a neighbour, for each is its own.
    """
    nearest, count = nearest_negatives(distances, negatives, top_k)
    farthest = ops.max(ops.where(neighbors, distances, 0.0), axis=1, keepdims=True)
    hinges = ops.relu(margin + farthest - nearest)
    anchors = ops.cast(ops.any(neighbors, axis=1, keepdims=True), "float32")
    hinges = hinges * anchors
    means = ops.sum(hinges, axis=1, keepdims=True) / ops.maximum(count, 1.0)
    loss = ops.sum(means) / ops.maximum(ops.sum(anchors), 1.0)
    violating = ops.sum(ops.cast(hinges > 0, "float32"))
    return loss, violating, ops.sum(anchors * count)
