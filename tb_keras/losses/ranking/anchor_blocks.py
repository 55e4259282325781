"""A term of the ranking loss and its gradient over blocks of anchors: memory is set by the block.

A term is linear in the distances once one knows which of its hinges are active, so a block of
anchors gives, beside its share of the loss, the slope of the loss in its distances, and with it its
share of the gradient. One pass over the blocks so computes both, and nothing of the size anchors x
candidates outlives its block. What is done for every pair is a product, a choice and a minimum: an
anchor's gradient is that of a few distances, of its positives and its nearest negatives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from keras import ops

from tb_keras.losses.ranking.block_gradients import Block, added, hardest_neighbor_pulls, pair_pulls
from tb_keras.losses.ranking.lowest_in_rows import ABSENT, first_columns, visit_columns


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
    """Computes the terms called `names` as `tb_keras.losses.ranking.loss` defines them.

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
    pairs = functools.partial(pair_pulls, **settings)
    farthest = functools.partial(hardest_neighbor_pulls, **settings)
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
            pulls = farthest if positive == "hardest" else pairs
            terms[f"{name}_neighborhood"] = term_in_blocks(
                anchors, anchors, masks, pulls, block_rows, ended
            )
            ended = terms[f"{name}_neighborhood"][1]
    return terms


def term_in_blocks(
    anchors, candidates, masks: Callable, pulls: Callable, block_rows: int, ended
) -> tuple:
    """Computes a term of the ranking loss, block by block.

    Args:
        anchors: float32 `(n, dim)`, static.
        candidates: float32 `(m, dim)`, static.
        masks: from the first row of a block, an int32 scalar, and its number of rows, an int, to
            its bool positives and negatives `(rows, m)`.
        pulls: `pair_pulls` or `hardest_neighbor_pulls` of `tb_keras.losses.ranking.block_gradients`.
        block_rows: rows of a block, at least 1.
        ended: a float32 scalar, at least 0, that is known when the term before has ended: a graph's
            loops would else run at the same time and take the memory of all.

    Returns:
        The loss, and how many triplets violate the margin of how many; three float32 scalars. The
        loss has a gradient in `anchors` and `candidates`, a first one only.
    """
    (rows, dim), size = anchors.shape, min(block_rows, anchors.shape[0])
    blocks = -(-rows // size)

    @ops.custom_gradient
    def walk(anchors, candidates):
        # With it a product of embeddings gives squared distances, less the anchors' own squares.
        squares = ops.sum(candidates * candidates, axis=1)[None, :]
        turned = ops.concatenate([-2.0 * ops.transpose(candidates), squares])

        def add_block(number, state):
            # Rows to come hold their embeddings here and rows done their gradients: no block can
            # begin before the one before it has ended, which would need the memory of both.
            waiting, of_candidates, sums = state
            start = ops.minimum(number * size, rows - size)
            embeddings = ops.slice(waiting, [start, 0], [size, dim])
            # The last block goes back over some rows of the one before it, which count no more.
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


def mask_rows(mask, start, size: int, view: int):
    """Rows `start` to `start + size` of a mask `(n, m)`, or of its transpose where `view` is 1."""
    if view == 0:
        return ops.slice(mask, [start, 0], [size, mask.shape[1]])
    return ops.transpose(ops.slice(mask, [0, start], [mask.shape[0], size]))


def neighbor_rows(matches, start, size: int, view: int):
    """Which members of a view share a match with those of a block of it.

    It goes through the matches of the block's members, a few of each at a time, where a product of
    `matches` with its transpose would take n·m² operations.

    Args:
        matches: bool `(n, m)`.
        start: first row of the block, an int32 scalar.
        size: rows of the block.
        view: 0 for the rows of `matches`, 1 for its columns.

    Returns:
        bool `(size, n)` or `(size, m)`.
    """
    left = mask_rows(matches, start, size, view)

    def add_sharing(neighbors, columns, there):
        for place in range(columns.shape[1]):
            sharing = ops.take(matches, columns[:, place], axis=1 - view)
            sharing = ops.transpose(sharing) if view == 0 else sharing
            sharing = ops.logical_and(sharing, there[:, place : place + 1])
            neighbors = ops.logical_or(neighbors, sharing)
        return neighbors, ()

    none = ops.zeros((size, matches.shape[view]), "bool")
    return visit_columns(left, first_columns(left), add_sharing, lambda state, _: state, none)[0]
