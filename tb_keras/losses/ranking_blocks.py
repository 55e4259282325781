"""A term of the ranking loss and its gradient over blocks of anchors: memory is set by the block.

A term is linear in the distances once one knows which of its hinges are active, so a block of
anchors gives, beside its share of the loss, the slope of the loss in each of its distances, and
with it its share of the gradient. One pass over the blocks so computes both, and nothing of the
size anchors x candidates outlives its block.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from keras import ops

from tb_keras.losses.distances import pairwise_distances
from tb_keras.losses.violations import hinge_counts, ranked_negatives


class Slopes(NamedTuple):
    """What a block of anchors adds to a term.

    Attributes:
        loss: float32 scalar, the sum of the means that the term is the mean of.
        means: float32 scalar, how many these are.
        violating: float32 scalar, how many triplets violate the margin.
        triplets: float32 scalar, how many triplets there are.
        of_distances: float32 `(rows, candidates)`, the derivative of `loss` by each distance.
    """

    loss: object
    means: object
    violating: object
    triplets: object
    of_distances: object


def terms_in_blocks(
    embeddings: tuple,
    matches,
    negatives,
    view_negatives: Callable,
    *,
    margin: float,
    top_k: int | None,
    positive: str,
    names: Sequence[str],
    block_rows: int,
) -> dict[str, tuple]:
    """Computes the terms called `names` as `tb_keras.losses.ranking` defines them.

    Args:
        embeddings: float32 `(n, dim)` of images and `(m, dim)` of texts.
        matches: bool `(n, m)`.
        negatives: bool `(n, m)`.
        view_negatives: from 0 for the images or 1 for the texts to their negatives, bool `(n, n)`
            or `(m, m)`.
        margin: the loss's.
        top_k: the loss's.
        positive: the loss's.
        names: of "image_anchor", "text_anchor", "image_neighborhood" and "text_neighborhood".
        block_rows: rows of a block.

    Returns:
        By name what `term_in_blocks` returns.
    """
    settings = {"margin": margin, "top_k": top_k}
    pairs = functools.partial(pair_slopes, **settings)
    farthest = functools.partial(hardest_neighbor_slopes, **settings)
    terms, ended = {}, ops.zeros(())

    def across(view, start, size):
        return tuple(mask_rows(mask, start, size, view) for mask in (matches, negatives))

    def within(view, apart, start, size):
        positives = neighbor_rows(matches, start, size, view)
        if positive == "all":
            itself = (start + ops.arange(size))[:, None] == ops.arange(positives.shape[1])
            positives = ops.logical_and(positives, ~itself)
        return positives, mask_rows(apart, start, size, 0)

    for view, name in enumerate(("image", "text")):
        anchors = embeddings[view]
        if f"{name}_anchor" in names:
            masks = functools.partial(across, view)
            terms[f"{name}_anchor"] = term_in_blocks(
                anchors, embeddings[1 - view], masks, pairs, block_rows, ended
            )
            ended = terms[f"{name}_anchor"][1]
        if f"{name}_neighborhood" in names:
            masks = functools.partial(within, view, view_negatives(view))
            slopes = farthest if positive == "hardest" else pairs
            terms[f"{name}_neighborhood"] = term_in_blocks(
                anchors, anchors, masks, slopes, block_rows, ended
            )
            ended = terms[f"{name}_neighborhood"][1]
    return terms


def term_in_blocks(
    anchors, candidates, masks: Callable, slopes: Callable, block_rows: int, ended
) -> tuple:
    """Computes a term of the ranking loss, block by block.

    Args:
        anchors: float32 `(n, dim)`, static.
        candidates: float32 `(m, dim)`, static.
        masks: from the first row of a block, an int32 scalar, and its number of rows, an int, to
            its bool positives and negatives `(rows, m)`.
        slopes: `pair_slopes` or `hardest_neighbor_slopes`, from a block's distances, positives and
            negatives to its `Slopes`.
        block_rows: rows of a block, at least 1.
        ended: a float32 scalar, at least 0, that is known when the term before has ended: a graph's
            loops would else run at the same time and take the memory of all.

    Returns:
        The loss, and how many triplets violate the margin of how many; three float32 scalars. The
        loss has a gradient in `anchors` and `candidates`, a first one only.
    """
    rows = anchors.shape[0]
    size = min(block_rows, rows)
    blocks = -(-rows // size)

    @ops.custom_gradient
    def walk(anchors, candidates):
        def add_block(number, state):
            # Rows to come hold their embeddings here and rows done their gradients: no block can
            # begin before the one before it has ended, which would need the memory of both.
            waiting, gradients, sums = state
            start = ops.minimum(number * size, rows - size)
            block = ops.slice(waiting, [start, 0], [size, anchors.shape[1]])
            # The last block goes back over some rows of the one before it, which count no more.
            fresh = (start + ops.arange(size))[:, None] >= number * size
            positives, negatives = masks(start, size)
            distances = pairwise_distances(block, candidates)
            found = slopes(distances, ops.logical_and(positives, fresh), negatives)
            pulls = found.of_distances / distances
            of_block = ops.sum(pulls, axis=1)[:, None] * block - ops.matmul(pulls, candidates)
            waiting = ops.slice_update(waiting, [start, 0], ops.where(fresh, of_block, block))
            gradients += ops.sum(pulls, axis=0)[:, None] * candidates
            gradients -= ops.matmul(ops.transpose(pulls), block)
            return waiting, gradients, sums + ops.stack(found[:4])

        waiting = anchors + ops.minimum(ended, 0.0)
        state = (waiting, ops.zeros_like(candidates), ops.zeros((4,)))
        of_anchors, of_candidates, sums = ops.fori_loop(0, blocks, add_block, state)
        means = ops.maximum(sums[1], 1.0)

        def gradient(*arguments, upstream=None):
            share = (arguments[0] if upstream is None else upstream)[0] / means
            return share * of_anchors, share * of_candidates

        return ops.stack([sums[0] / means, sums[2], sums[3]]), gradient

    found = walk(anchors, candidates)
    return found[0], ops.stop_gradient(found[1]), ops.stop_gradient(found[2])


def pair_slopes(distances, positives, negatives, margin: float, top_k: int | None) -> Slopes:
    """The mean over pairs (anchor, positive) of the top-K violations; anchors are rows."""
    nearest, places, count = ranked_negatives(distances, negatives, top_k)
    thresholds = margin + distances
    violated, violators = hinge_counts(thresholds, positives, nearest)
    share = 1.0 / ops.maximum(count, 1.0)
    sums = ops.sum(violated * thresholds, axis=1) - ops.sum(violators * nearest, axis=1)
    pairs = ops.sum(ops.cast(positives, "float32"), axis=1)
    return Slopes(
        ops.sum(sums * share[:, 0]),
        ops.sum(pairs),
        ops.sum(violated),
        ops.sum(pairs * count[:, 0]),
        share * violated - _scattered(share * violators, places, distances.shape[1]),
    )


def hardest_neighbor_slopes(
    distances, neighbors, negatives, margin: float, top_k: int | None
) -> Slopes:
    """The mean over anchors with a match of the top-K violations against the farthest neighbour."""
    nearest, places, count = ranked_negatives(distances, negatives, top_k)
    among = ops.where(neighbors, distances, 0.0)
    farthest = ops.max(among, axis=1, keepdims=True)
    anchors = ops.cast(ops.any(neighbors, axis=1, keepdims=True), "float32")
    hinges = anchors * ops.relu(margin + farthest - nearest)
    active = ops.cast(hinges > 0, "float32")
    share = 1.0 / ops.maximum(count, 1.0)
    # Equally far neighbours share the gradient, as the derivative of a maximum does.
    equal = ops.cast(ops.logical_and(neighbors, among == farthest), "float32")
    equal = equal / ops.maximum(ops.sum(equal, axis=1, keepdims=True), 1.0)
    pushed = share * ops.sum(active, axis=1, keepdims=True)
    return Slopes(
        ops.sum(share * hinges),
        ops.sum(anchors),
        ops.sum(active),
        ops.sum(anchors * count),
        pushed * equal - _scattered(share * active, places, distances.shape[1]),
    )


def mask_rows(mask, start, size: int, view: int):
    """Rows `start` to `start + size` of a mask `(n, m)`, or of its transpose where `view` is 1."""
    if view == 0:
        return ops.slice(mask, [start, 0], [size, mask.shape[1]])
    return ops.transpose(ops.slice(mask, [0, start], [mask.shape[0], size]))


def neighbor_rows(matches, start, size: int, view: int):
    """Which members of a view share a match with those of a block of it.

    It goes through the matches of the block's members, one of each at a time: the time is that of
    as many passes as the member with the most matches has, where a product of `matches` with its
    transpose would take n·m² operations.

    Args:
        matches: bool `(n, m)`.
        start: first row of the block, an int32 scalar.
        size: rows of the block.
        view: 0 for the rows of `matches`, 1 for its columns.

    Returns:
        bool `(size, n)` or `(size, m)`.
    """
    left = mask_rows(matches, start, size, view)
    places = ops.arange(left.shape[1], dtype="int32")[None, :]

    def any_left(left, neighbors):
        return ops.any(left)

    def take_one_each(left, neighbors):
        first = ops.cast(ops.argmax(ops.cast(left, "float32"), axis=1), "int32")
        sharing = ops.take(matches, first, axis=1 - view)
        sharing = ops.transpose(sharing) if view == 0 else sharing
        sharing = ops.logical_and(sharing, ops.any(left, axis=1, keepdims=True))
        left = ops.logical_and(left, places != first[:, None])
        return left, ops.logical_or(neighbors, sharing)

    none = ops.zeros((size, matches.shape[view]), "bool")
    return ops.while_loop(any_left, take_one_each, (left, none))[1]


def _scattered(values, places, columns: int):
    """Float32 `(n, columns)`: each row's `values` `(n, k)` at its `places`, 0 elsewhere."""
    rows = values.shape[0]
    cells = ops.reshape(ops.arange(rows, dtype="int32")[:, None] * columns + places, [-1])
    spread = ops.segment_sum(ops.reshape(values, [-1]), cells, rows * columns)
    return ops.reshape(spread, [rows, columns])
