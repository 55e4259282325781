"""The gradients that the active hinges of the ranking loss give to a block of anchors.

A pull is the derivative of the loss by a distance, divided by that distance. A pull times the
difference of the two embeddings is what the distance adds to their gradients.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from tb_keras.losses.ranking.distances import smoothed_root
from tb_keras.losses.ranking.lowest_in_rows import ABSENT, lowest_in_rows, visit_columns
from tb_keras.losses.ranking.violations import hinge_counts

_SPARSE = (
    4  # up to this many gathered values for each of an anchor's distances, gathering is faster
)


class Block(NamedTuple):
    """A block of anchors.

    Attributes:
        anchors: float32 `(rows, dim)`.
        candidates: float32 `(m, dim)`.
        relative: float32 `(rows, m)`, squared distances less the anchors' own squared lengths.
    """

    anchors: Any
    candidates: Any
    relative: Any

    def distances(self, relative):
        """Returns the distances `(rows, k)` that belong to some values of `relative`."""
        own = ops.sum(self.anchors * self.anchors, axis=1, keepdims=True)
        return smoothed_root(relative + own)


def pair_pulls(block: Block, positives, first, negatives, gradients, margin, top_k) -> tuple:
    """Takes the mean over pairs (anchor, positive) of the top-K violations.

    Args:
        block: the anchors and candidates.
        positives: bool `(rows, m)`.
        first: the `first_columns` of `positives`, or `ABSENT` in rows that do not count.
        negatives: bool `(rows, m)`.
        gradients: the gradients of the anchors and of the candidates so far.
        margin: the margin of the loss.
        top_k: the number of negatives of the loss.

    Returns:
        float32 `(4,)`, which holds the sum over pairs of the mean violation, the number of pairs,
        the number of triplets that violate the margin and the number of triplets; the gradients;
        and the pulls that are still to be `added` to the gradients.
    """
    nearest, places, count, share = _nearest(block, negatives, top_k)

    def visit(state, columns, there):
        gradients, violators, sums = state
        distances = block.distances(ops.take_along_axis(block.relative, columns, axis=1))
        violated, hit = hinge_counts(margin + distances, there, nearest)
        hinges = share * (
            ops.sum(violated * (margin + distances), axis=1, keepdims=True)
            - ops.sum(hit * nearest, axis=1, keepdims=True)
        )
        pairs = ops.cast(there, "float32")
        sums += _sums(hinges, pairs, violated, pairs * count)
        return (gradients, violators + hit, sums), (share * violated / distances, columns)

    def settle(state, pulls):
        gradients, *others = state
        return (added(block, gradients, pulls), *others)

    state = (gradients, ops.zeros_like(nearest), ops.zeros((4,)))
    (gradients, violators, sums), (near, columns) = visit_columns(
        positives, first, visit, settle, state
    )
    return sums, gradients, _joined((near, columns), (-share * violators / nearest, places))


def hardest_neighbor_pulls(
    block: Block, neighbors, first, negatives, gradients, margin, top_k
) -> tuple:
    """Takes the mean over anchors of the top-K violations against the farthest neighbour.

    Arguments and results are those of `pair_pulls`, with anchors that have a match for the pairs.
    """
    nearest, places, count, share = _nearest(block, negatives, top_k)

    def at(columns, there):
        return ops.where(there, ops.take_along_axis(block.relative, columns, axis=1), -ABSENT)

    def find(state, columns, there):
        highest, equal = state
        values = at(columns, there)
        top = ops.maximum(highest, ops.max(values, axis=1, keepdims=True))
        equal = ops.where(highest == top, equal, 0.0)
        ties = ops.cast(ops.logical_and(there, values == top), "float32")
        return (top, equal + ops.sum(ties, axis=1, keepdims=True)), ()

    none = ops.zeros_like(count)
    (highest, equal), _ = visit_columns(
        neighbors, first, find, lambda state, _: state, (none - ABSENT, none)
    )
    anchors = ops.cast(equal > 0, "float32")
    farthest = block.distances(highest)
    hinges = anchors * ops.relu(margin + farthest - nearest)
    active = ops.cast(hinges > 0, "float32")
    # Equally far neighbours share the gradient, as in the derivative of a maximum.
    pushed = share * ops.sum(active, axis=1, keepdims=True)
    pushed = pushed / (farthest * ops.maximum(equal, 1.0))

    def push(state, columns, there):
        farthest = ops.cast(ops.logical_and(there, at(columns, there) == highest), "float32")
        return state, (pushed * farthest, columns)

    def settle(state, pulls):
        return added(block, state, pulls)

    gradients, near = visit_columns(neighbors, first, push, settle, gradients)
    sums = _sums(share * hinges, anchors, active, anchors * count)
    return sums, gradients, _joined(near, (-share * active / nearest, places))


def added(block: Block, gradients: tuple, pulls: tuple) -> tuple:
    """Adds pulls to the gradients of a block's anchors and candidates.

    Args:
        block: the anchors and candidates.
        gradients: float32 `(rows, dim)` and `(m, dim)`.
        pulls: float32 `(rows, k)`, and int32 of the same shape, the columns they belong to.

    Returns:
        The new gradients.
    """
    of_anchors, of_candidates = gradients
    values, places = pulls
    (rows, k), (columns, dim) = values.shape, block.candidates.shape
    if k * dim <= _SPARSE * columns:
        apart = block.anchors[:, None, :] - ops.take(block.candidates, places, axis=0)
        apart = values[:, :, None] * apart
        flat = ops.reshape(apart, [rows * k, dim])
        to_candidates = ops.segment_sum(flat, ops.reshape(places, [-1]), columns)
        return of_anchors + ops.sum(apart, axis=1), of_candidates - to_candidates
    cells = ops.arange(rows, dtype="int32")[:, None] * columns + places
    spread = ops.segment_sum(ops.reshape(values, [-1]), ops.reshape(cells, [-1]), rows * columns)
    spread = ops.reshape(spread, [rows, columns])
    of_anchors += ops.sum(spread, axis=1)[:, None] * block.anchors
    of_anchors -= ops.matmul(spread, block.candidates)
    of_candidates += ops.sum(spread, axis=0)[:, None] * block.candidates
    return of_anchors, of_candidates - ops.matmul(ops.transpose(spread), block.anchors)


def _nearest(block: Block, negatives, top_k: int | None):
    """Returns each anchor's nearest negatives: distances, columns, number, and 1 / number."""
    size = negatives.shape[1]
    k = size if top_k is None else min(int(top_k), size)
    relative, places = lowest_in_rows(ops.where(negatives, block.relative, ABSENT), k)
    there = ops.cast(relative < ABSENT / 2, "float32")
    count = ops.sum(there, axis=1, keepdims=True)
    return block.distances(relative), places, count, 1.0 / ops.maximum(count, 1.0)


def _sums(*parts):
    return ops.stack([ops.sum(part) for part in parts])


def _joined(*pulls: tuple) -> tuple:
    return tuple(ops.concatenate(parts, axis=1) for parts in zip(*pulls))
