"""Sums of margin violations between positives and their anchor's nearest negatives.

All positives of an anchor share its K nearest negatives, so no array of the size anchors x
candidates x K is made. Where anchors have few positives, only these are compared with the
negatives. Otherwise the violations are counted: a sum of hinges is linear in the distances once it
is known how many hinges are active, and that number has no gradient.
"""

from __future__ import annotations

from keras import ops

_FAR = 1e9  # stands for the distance of a negative that is not there
_FEW_POSITIVES = 8  # up to this many for each anchor, each is compared with each nearest negative
_COMPARED_IN_TURN = 32  # up to this K, K comparisons are faster than a binary search


def nearest_negatives(distances, negatives, top_k: int | None):
    """Finds the distances of each anchor's nearest negatives.

    Args:
        distances: float32 `(n, m)`, from each anchor to each candidate.
        negatives: bool `(n, m)`.
        top_k: how many to take, or None for all.

    Returns:
        float32 `(n, k)` with `k = min(top_k, m)`, distances in ascending order and then a very
        large number where an anchor has fewer; and float32 `(n, 1)`, how many each anchor has.
    """
    size = distances.shape[1]
    k = size if top_k is None else min(int(top_k), size)
    nearest, _ = ops.top_k(-ops.where(negatives, distances, _FAR), k)
    count = ops.sum(ops.cast(negatives, "float32"), axis=1, keepdims=True)
    return -nearest, ops.minimum(count, float(k))


def hinge_sums(thresholds, positives, nearest):
    """Sums [threshold_j − nearest_k]₊ over each anchor's positives j and nearest negatives k.

    Args:
        thresholds: float32 `(n, m)`, the margin plus the distance to each candidate.
        positives: bool `(n, m)`, which candidates count.
        nearest: float32 `(n, k)`, from `nearest_negatives`.

    Returns:
        float32 `(n,)`, the sums, and float32 `(n,)`, how many triplets violate the margin.
    """
    k, few = nearest.shape[1], min(_FEW_POSITIVES, positives.shape[1])

    def of_all():
        violated, violators = hinge_counts(thresholds, positives, nearest)
        sums = ops.sum(violated * thresholds, axis=1) - ops.sum(violators * nearest, axis=1)
        return sums, ops.sum(violated, axis=1)

    def of_few():
        largest, _ = ops.top_k(ops.where(positives, thresholds, -_FAR), few)
        hinges = ops.relu(largest[:, :, None] - nearest[:, None, :])
        return ops.sum(hinges, axis=(1, 2)), ops.sum(ops.cast(hinges > 0, "float32"), axis=(1, 2))

    if few * k > positives.shape[1]:  # then `of_few` would take more memory than the distances
        return of_all()
    most = ops.max(ops.sum(ops.cast(positives, "int32"), axis=1))
    return ops.cond(most <= few, of_few, of_all)


def hinge_counts(thresholds, positives, nearest):
    """Counts the violations that `hinge_sums` adds up. The counts have no gradient.

    The arguments are those of `hinge_sums`.

    Returns:
        float32 `(n, m)`, how many negatives violate the margin of each positive, and float32
        `(n, k)`, the margins of how many positives each negative violates.
    """
    violated = ops.where(
        positives, _count_below(ops.stop_gradient(thresholds), ops.stop_gradient(nearest)), 0
    )
    violators = ops.stop_gradient(_histogram_above(violated, nearest.shape[1]))
    return ops.stop_gradient(ops.cast(violated, "float32")), violators


def _count_below(thresholds, nearest):
    """Returns int32 `(n, m)`, how many of the row's `nearest` are below each threshold."""
    k = nearest.shape[1]
    if k <= _COMPARED_IN_TURN:
        counts = ops.zeros(ops.shape(thresholds), "int32")
        for column in range(k):
            counts += ops.cast(nearest[:, column : column + 1] < thresholds, "int32")
        return counts
    # A binary search for all thresholds at once. The padding makes every probe valid.
    step = 1 << (k.bit_length() - 1)
    padded = ops.pad(nearest, [[0, 0], [0, 2 * step - 1 - k]], constant_values=_FAR)
    counts = ops.zeros(ops.shape(thresholds), "int32")
    while step:
        probe = ops.take_along_axis(padded, counts + (step - 1), axis=1)
        counts = ops.where(probe < thresholds, counts + step, counts)
        step //= 2
    return counts


def _histogram_above(counts, k: int):
    """Returns float32 `(n, k)`, how many of the row's counts exceed each column c."""
    n = counts.shape[0]
    cells = ops.reshape(ops.arange(n)[:, None] * (k + 1) + counts, [-1])
    histogram = ops.segment_sum(ops.ones_like(cells, "float32"), cells, n * (k + 1))
    histogram = ops.reshape(histogram, [n, k + 1])
    return ops.flip(ops.cumsum(ops.flip(histogram[:, 1:], axis=1), axis=1), axis=1)
