"""The distance of the ranking loss."""

from __future__ import annotations

from keras import ops

# Keeps the gradient of the square root finite between equal embeddings.
_SQUARED_DISTANCE_OFFSET = 1e-4


def pairwise_distances(left, right):
    """Computes the Euclidean distances between two sets of embeddings, smoothed at zero.

    d(u, v) = sqrt(max(‖u‖² + ‖v‖² − 2u·v, 0) + 1e-4), in float32 for every input type.

    Args:
        left: float `(n, dim)`.
        right: float `(m, dim)`.

    Returns:
        float32 `(n, m)`, each at least 0.01.

    Examples:
        >>> pairwise_distances([[0.0, 3.0]], [[4.0, 0.0], [0.0, 3.0]]).numpy().round(2)
        array([[5.  , 0.01]], dtype=float32)
    """
    left = ops.cast(left, "float32")
    right = ops.cast(right, "float32")
    left_norms = ops.sum(left * left, axis=1)[:, None]
    right_norms = ops.sum(right * right, axis=1)[None, :]
    squared = left_norms + right_norms - 2.0 * ops.matmul(left, ops.transpose(right))
    return smoothed_root(squared)


def smoothed_root(squared):
    """Returns sqrt(max(s, 0) + 1e-4) of squared distances s of any shape."""
    return ops.sqrt(ops.maximum(squared, 0.0) + _SQUARED_DISTANCE_OFFSET)
