"""The lowest values of each row, and the true columns of a mask, in about one pass over it."""

from __future__ import annotations

import math
from collections.abc import Callable

from keras import ops

ABSENT = 1e18  # stands for a value that is not there
_WIDTH = 4  # columns of a row that one pass over a mask finds


def lowest_in_rows(values, k: int):
    """The k lowest values of each row and where they are; of equal ones those that stand first.

    The k lowest lie in the k groups of columns with the lowest minima, so that one pass finds these
    minima, and a sort looks at 2·sqrt(columns·k) values of a row alone.

    Args:
        values: float32 `(n, m)`, static, below infinity.
        k: at least 1, at most m.

    Returns:
        Ascending float32 `(n, k)`, and int32 `(n, k)`, their columns.

    Examples:
        >>> [part.numpy().tolist() for part in lowest_in_rows(ops.array([[3.0, 1.0, 2.0, 1.0]]), 3)]
        [[[1.0, 1.0, 2.0]], [[1, 3, 2]]]
    """
    rows, columns = values.shape
    size = math.isqrt(columns // k)
    if size < 16:  # too few columns for it to be faster (measured on a CPU)
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
    """The first true columns of each row: float32 `(n, min(m, 4))`, ascending, `ABSENT` after them.

    Args:
        mask: bool `(n, m)`, static, of at most 2²⁴ columns.
    """
    columns = ops.arange(mask.shape[1], dtype="float32")[None, :]
    return lowest_in_rows(ops.where(mask, columns, ABSENT), min(_WIDTH, mask.shape[1]))[0]


def visit_columns(mask, first, visit: Callable, settle: Callable, state: tuple) -> tuple:
    """Goes through the true columns of all rows, a few of each at a time.

    It takes as many passes as the row with the most true columns has fours of them.

    Args:
        mask: bool `(n, m)`, static.
        first: its `first_columns`, or `ABSENT` in rows to leave out.
        visit: from the state, int32 columns and whether each is there, `(n, min(m, 4))`, to a new
            state and what came of this visit, a tuple.
        settle: from a state and what came of the visit before to a new state.
        state: tensors.

    Returns:
        The last state, and what came of the last visit.
    """
    columns = ops.arange(mask.shape[1], dtype="float32")[None, :]

    def visited(found, state):
        there = found < ABSENT
        return found, *visit(state, ops.cast(ops.where(there, found, 0.0), "int32"), there)

    def may_have_more(found, state, outcome):
        return ops.any(found[:, -1] < ABSENT)

    def go_on(found, state, outcome):
        left = ops.logical_and(mask, columns > found[:, -1:])
        return visited(first_columns(left), settle(state, outcome))

    return ops.while_loop(may_have_more, go_on, visited(first, state))[1:]
