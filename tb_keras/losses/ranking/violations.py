"""Sums of margin violations between positives and their anchor's nearest negatives.

The K nearest negatives depend on the anchor alone, so all positives of an anchor share them, and no
array of the size anchors x candidates x K is ever made: where an anchor has few positives, these
alone are compared with the negatives; else a hinge sum over sorted values is linear in the values
once one knows how many of them violate, and that number carries no gradient.
"""

from __future__ import annotations

from keras import ops

_FAR = 1e9  # stands for the distance of a negative that is not there
_FEW_POSITIVES = 8  # up to this many an anchor, each is compared with each of the nearest negatives
_COMPARED_IN_TURN = 32  # up to this K, K comparisons beat a binary search (measured on a CPU)


def nearest_negatives(distances, negatives, top_k: int | None):
    """Distances of each anchor's nearest negatives.

    Args:
        distances: float32 `(n, m)`, from each anchor to each candidate.
        negatives: bool `(n, m)`.
        top_k: how many to take, None for all.

    Returns:
        Ascending float32 `(n, k)` with `k = min(top_k, m)`, a very large number where an anchor has
        fewer, and float32 `(n, 1)`, how many each anchor has of these.
    """
    nearest, _, count = ranked_negatives(distances, negatives, top_k)
    return nearest, count


def ranked_negatives(distances, negatives, top_k: int | None):
    """As `nearest_negatives`, with their columns, int32 `(n, k)`, in between."""
    size = distances.shape[1]
    k = size if top_k is None else min(int(top_k), size)
    nearest, places = ops.top_k(-ops.where(negatives, distances, _FAR), k)
    count = ops.sum(ops.cast(negatives, "float32"), axis=1, keepdims=True)
    return -nearest, places, ops.minimum(count, float(k))


def hinge_sums(thresholds, positives, nearest):
    """For each anchor, the sum over its positives j and negatives k of [threshold_j − nearest_k]₊.

    Args:
        thresholds: float32 `(n, m)`, margin plus the distance to the positive.
        positives: bool `(n, m)`, which of them count.
        nearest: float32 `(n, k)`, ascending, from `nearest_negatives`.

    Returns:
        float32 `(n,)`, the sums, and float32 `(n,)`, how many of these triplets violate the margin.
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

    if few * k > positives.shape[1]:  # would take more memory than the distances
        return of_all()
    most = ops.max(ops.sum(ops.cast(positives, "int32"), axis=1))
    return ops.cond(most <= few, of_few, of_all)


def hinge_counts(thresholds, positives, nearest):
    """The slopes of `hinge_sums`: its arguments to two arrays without a gradient.

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
    """Int32 `(n, m)`: how many of the row's ascending `nearest` are below each threshold."""
    k = nearest.shape[1]
    if k <= _COMPARED_IN_TURN:
        counts = ops.zeros(ops.shape(thresholds), "int32")
        for column in range(k):
            counts += ops.cast(nearest[:, column : column + 1] < thresholds, "int32")
        return counts
    # Binary search, all thresholds at once; the padding makes every probe valid.
    step = 1 << (k.bit_length() - 1)
    padded = ops.pad(nearest, [[0, 0], [0, 2 * step - 1 - k]], constant_values=_FAR)
    counts = ops.zeros(ops.shape(thresholds), "int32")
    while step:
        probe = ops.take_along_axis(padded, counts + (step - 1), axis=1)
        counts = ops.where(probe < thresholds, counts + step, counts)
        step //= 2
    return counts


def _histogram_above(counts, k: int):
    """Float32 `(n, k)`: for each column c, how many of the row's counts exceed c."""
    n = counts.shape[0]
    cells = ops.reshape(ops.arange(n)[:, None] * (k + 1) + counts, [-1])
    histogram = ops.segment_sum(ops.ones_like(cells, "float32"), cells, n * (k + 1))
    histogram = ops.reshape(histogram, [n, k + 1])
    return ops.flip(ops.cumsum(ops.flip(histogram[:, 1:], axis=1), axis=1), axis=1)
