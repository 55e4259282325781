"""The lowest values of each row, and the true columns of a mask, each in about one pass."""

from __future__ import annotations

import math
from collections.abc import Callable

from keras import ops

ABSENT = 1e18  # stands for a value that is not there
_WIDTH = 4  # columns of each row that one pass over a mask finds


def lowest_in_rows(values, k: int):
    """Finds the k lowest values of each row and their columns. The first of equal values wins.

    The k lowest values lie in the k groups of columns that have the lowest minima. One pass finds
    the minima, and only 2·sqrt(m·k) values of each row are sorted.

    Args:
        values: float32 `(n, m)`, static, below infinity.
        k: int in [1, m].

    Returns:
        float32 `(n, k)`, the values in ascending order, and int32 `(n, k)`, their columns.

    Examples:
        >>> [part.numpy().tolist() for part in lowest_in_rows(ops.array([[3.0, 1.0, 2.0, 1.0]]), 3)]
        [[[1.0, 1.0, 2.0]], [[1, 3, 2]]]
    """
    rows, columns = values.shape
    size = math.isqrt(columns // k)
    if size < 16:  # with few columns a plain sort is faster
        negated, places = ops.top_k(-values, k)
        return -negated, places
    groups = -(-columns // size)
    if groups * size > columns:
        values = ops.pad(values, [[0, 0], [0, groups * size - columns]], constant_values=math.inf)
    parts = ops.reshape(values, [rows, groups, size])
    _, chosen = ops.top_k(-ops.min(parts, axis=2), k)
    chosen = ops.sort(chosen, axis=1)  # by column, so that the first of equal values stay first
    cells = ops.arange(rows, dtype="int32")[:, None] * groups + chosen
    kept = ops.take(ops.reshape(parts, [rows * groups, size]), cells, axis=0)
    negated, places = ops.top_k(-ops.reshape(kept, [rows, k * size]), k)
    found = ops.take_along_axis(chosen, places // size, axis=1) * size + places % size
    return -negated, found


def first_columns(mask):
    """Finds the first true columns of each row.

    Args:
        mask: bool `(n, m)`, static, of at most 2²⁴ columns.

    Returns:
        float32 `(n, min(m, 4))`, columns in ascending order, then `ABSENT`.
    """
    columns = ops.arange(mask.shape[1], dtype="float32")[None, :]
    return lowest_in_rows(ops.where(mask, columns, ABSENT), min(_WIDTH, mask.shape[1]))[0]


def visit_columns(mask, first, visit: Callable, settle: Callable, state: tuple) -> tuple:
    """Visits the true columns of all rows, up to four of each row at a time.

    Args:
        mask: bool `(n, m)`, static.
        first: the `first_columns` of the mask, or `ABSENT` in rows to leave out.
        visit: takes the state, int32 columns and bool whether each is there, both
            `(n, min(m, 4))`. Returns a new state and a result, which is a tuple.
        settle: takes the state and the result of the last visit, before the next one. Returns a
            new state.
        state: tensors.

    Returns:
        The last state and the result of the last visit, which is not settled.
    """
    columns = ops.arange(mask.shape[1], dtype="float32")[None, :]

    def visited(found, state):
        there = found < ABSENT
        return found, *visit(state, ops.cast(ops.where(there, found, 0.0), "int32"), there)

    def may_have_more(found, state, result):
        return ops.any(found[:, -1] < ABSENT)

    def go_on(found, state, result):
        left = ops.logical_and(mask, columns > found[:, -1:])
        return visited(first_columns(left), settle(state, result))

    return ops.while_loop(may_have_more, go_on, visited(first, state))[1:]
