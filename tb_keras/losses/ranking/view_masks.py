"""Neighbours and negatives within one view of a batch, from its matches and negatives.

A view is 0, the images (the rows of a mask), or 1, the texts (its columns).
"""

from __future__ import annotations

from keras import ops


def neighbors(matches, view: int):
    """Returns which members of a view share a match.

    Args:
        matches: bool `(n, m)`.
        view: 0 or 1.

    Returns:
        bool `(n, n)` or `(m, m)`. Whatever has a match is its own neighbour.
    """
    columns = matches if view else ops.transpose(matches)

    def by_their_row():
        numbers = ops.arange(1, columns.shape[0] + 1, dtype="int32")[:, None]
        row = ops.max(ops.where(columns, numbers, 0), axis=0)
        return ops.logical_and(row[:, None] == row[None, :], row[:, None] > 0)

    def by_any_row():
        matching = ops.cast(columns, "float32")
        return ops.matmul(ops.transpose(matching), matching) > 0

    # Where no text has two images, no matrix product is needed.
    most = ops.max(ops.sum(ops.cast(columns, "int32"), axis=0))
    return ops.cond(most <= 1, by_their_row, by_any_row)


def derived_negatives(matches, negatives, view: int):
    """Returns which members of a view are each other's negatives.

    Two are if they share no match and each is a negative of everything that matches the other.

    Args:
        matches: bool `(n, m)`.
        negatives: bool `(n, m)`.
        view: 0 or 1.

    Returns:
        bool `(n, n)` or `(m, m)`.
    """
    if view == 0:
        matches, negatives = ops.transpose(matches), ops.transpose(negatives)
    related = ops.cast(~negatives, "float32")
    meets = ops.matmul(ops.transpose(ops.cast(matches, "float32")), related) > 0
    apart = ~ops.logical_or(meets, ops.transpose(meets))
    return ops.logical_and(apart, ~ops.eye(matches.shape[1], dtype="bool"))
