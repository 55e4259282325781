"""The terms of the ranking loss and their gradients, block by block of anchors.

A term is linear in the distances once it is known which hinges are active. So a block of anchors
gives its share of the loss and its share of the gradient in one pass, and nothing of the size
anchors x candidates outlives its block. An anchor's gradient comes from few distances, those to its
positives and to its nearest negatives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from keras import ops

from tb_keras.losses.ranking.block_gradients import (
    Block,
    added,
    hardest_neighbor_pulls,
    pair_pulls,
)
from tb_keras.losses.ranking.lowest_in_rows import ABSENT, first_columns, visit_columns
from tb_keras.losses.ranking.settings import RankingSettings


def terms_in_blocks(
    embeddings, matches, negatives, view_negatives: Callable, settings: RankingSettings
) -> dict[str, tuple]:
    """Computes the terms of the ranking loss that have a weight.

    Args:
        embeddings: float32 `(n, dim)` of the images and `(m, dim)` of the texts.
        matches: bool `(n, m)`.
        negatives: bool `(n, m)`.
        view_negatives: takes 0 for the images or 1 for the texts and returns their negatives, bool
            `(n, n)` or `(m, m)`.
        settings: the settings of the loss, with `block_rows`.

    Returns:
        By name, what `term_in_blocks` returns.
    """
    pairs, farthest = (
        functools.partial(pulls, margin=settings.margin, top_k=settings.top_k)
        for pulls in (pair_pulls, hardest_neighbor_pulls)
    )
    if settings.positive == "all":
        farthest = pairs
    terms, before = {}, ops.zeros(())

    def across(view, start, size):
        return tuple(mask_rows(mask, start, size, view) for mask in (matches, negatives))

    def within(view, apart, start, size):
        positives = neighbor_rows(matches, start, size, view)
        if settings.positive == "all":
            itself = (start + ops.arange(size))[:, None] == ops.arange(positives.shape[1])
            positives = ops.logical_and(positives, ~itself)
        return positives, mask_rows(apart, start, size, 0)

    for view, name in enumerate(("image", "text")):
        anchors = embeddings[view]
        if f"{name}_anchor" in settings.weights:
            masks = functools.partial(across, view)
            terms[f"{name}_anchor"] = term_in_blocks(
                anchors, embeddings[1 - view], masks, pairs, settings.block_rows, before
            )
            before = terms[f"{name}_anchor"][1]
        if f"{name}_neighborhood" in settings.weights:
            masks = functools.partial(within, view, view_negatives(view))
            terms[f"{name}_neighborhood"] = term_in_blocks(
                anchors, anchors, masks, farthest, settings.block_rows, before
            )
            before = terms[f"{name}_neighborhood"][1]
    return terms


def term_in_blocks(
    anchors, candidates, masks: Callable, pulls: Callable, block_rows: int, before
) -> tuple:
    """Computes one term of the ranking loss.

    Args:
        anchors: float32 `(n, dim)`, static.
        candidates: float32 `(m, dim)`, static.
        masks: takes the first row of a block, an int32 scalar, and its number of rows, an int, and
            returns the bool positives and negatives of its anchors, `(rows, m)` each.
        pulls: `pair_pulls` or `hardest_neighbor_pulls`.
        block_rows: positive int, rows of a block.
        before: a float32 scalar, at least 0, that the term before has computed. Waiting for it
            keeps a graph from running the loops of several terms at once, which would take the
            memory of all.

    Returns:
        Three float32 scalars: the loss, how many triplets violate the margin, and how many triplets
        there are. The loss has a first gradient in `anchors` and `candidates`, but no second.
    """
    (rows, dim), size = anchors.shape, min(block_rows, anchors.shape[0])
    blocks = -(-rows // size)

    @ops.custom_gradient
    def walk(anchors, candidates):
        # Times this, embeddings give their squared distances, less the anchors' own squares.
        squares = ops.sum(candidates * candidates, axis=1)[None, :]
        turned = ops.concatenate([-2.0 * ops.transpose(candidates), squares])

        def add_block(number, state):
            # `waiting` holds the embeddings of the rows to come and the gradients of the rows done.
            # So no block begins before the last one has ended, which would take the memory of both.
            waiting, of_candidates, sums = state
            start = ops.minimum(number * size, rows - size)
            embeddings = ops.slice(waiting, [start, 0], [size, dim])
            # The last block repeats some rows of the block before. These count no second time.
            fresh = (start + ops.arange(size))[:, None] >= number * size
            positives, negatives = masks(start, size)
            extended = ops.concatenate([embeddings, ops.ones((size, 1))], axis=1)
            block = Block(embeddings, candidates, ops.matmul(extended, turned))
            first = ops.where(fresh, first_columns(positives), ABSENT)
            gradients = (ops.zeros_like(embeddings), of_candidates)
            found, gradients, last = pulls(block, positives, first, negatives, gradients)
            of_anchors, of_candidates = added(block, gradients, last)
            done = ops.where(fresh, of_anchors, embeddings)
            return ops.slice_update(waiting, [start, 0], done), of_candidates, sums + found

        waiting = anchors + ops.minimum(before, 0.0)
        state = (waiting, ops.zeros_like(candidates), ops.zeros((4,)))
        of_anchors, of_candidates, sums = ops.fori_loop(0, blocks, add_block, state)
        means = ops.maximum(sums[1], 1.0)

        def gradient(*arguments, upstream=None):
            share = (arguments[0] if upstream is None else upstream)[0] / means
            return share * of_anchors, share * of_candidates

        return ops.stack([sums[0] / means, sums[2], sums[3]]), gradient

    found = walk(anchors, candidates)
    return found[0], ops.stop_gradient(found[1]), ops.stop_gradient(found[2])


def mask_rows(mask, start, size: int, view: int):
    """Returns rows `start` to `start + size` of a mask `(n, m)`, or of its transpose for view 1."""
    if view == 0:
        return ops.slice(mask, [start, 0], [size, mask.shape[1]])
    return ops.transpose(ops.slice(mask, [0, start], [mask.shape[0], size]))


def neighbor_rows(matches, start, size: int, view: int):
    """Returns which members of a view share a match with the members in a block of it.

    It visits the matches of the block's members, a few at a time. A product of `matches` with its
    transpose would take n·m² operations.

    Args:
        matches: bool `(n, m)`.
        start: int32 scalar, first row of the block.
        size: rows of the block.
        view: 0 for the rows of `matches`, 1 for its columns.

    Returns:
        bool `(size, n)` or `(size, m)`.
    """
    own = mask_rows(matches, start, size, view)

    def add_sharing(neighbors, columns, there):
        for place in range(columns.shape[1]):
            sharing = ops.take(matches, columns[:, place], axis=1 - view)
            sharing = ops.transpose(sharing) if view == 0 else sharing
            sharing = ops.logical_and(sharing, there[:, place : place + 1])
            neighbors = ops.logical_or(neighbors, sharing)
        return neighbors, ()

    none = ops.zeros((size, matches.shape[view]), "bool")
    return visit_columns(own, first_columns(own), add_sharing, lambda state, _: state, none)[0]
