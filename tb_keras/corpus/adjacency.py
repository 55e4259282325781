"""One direction of a sparse relation, and the joins that masks are made of."""

from __future__ import annotations

import numpy as np


class Adjacency:
    """A sparse relation that gives the sorted columns of each row.

    Args:
        rows: int `(p,)`, the row of each pair.
        columns: int `(p,)`, the column of each pair. Pairs are distinct.
        num_rows: int, the number of rows. A row may have no pair.

    Examples:
        >>> adjacency = Adjacency(np.array([0, 2, 0]), np.array([5, 3, 1]), num_rows=3)
        >>> adjacency.columns_of(0)
        array([1, 5])
    """

    def __init__(self, rows: np.ndarray, columns: np.ndarray, num_rows: int):
        self.columns = columns[np.lexsort((columns, rows))]
        self.starts = np.zeros(num_rows + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=num_rows), out=self.starts[1:])

    def columns_of(self, row: int) -> np.ndarray:
        """Returns the sorted columns of one row."""
        return self.columns[self.starts[row] : self.starts[row + 1]]

    def counts(self) -> np.ndarray:
        """Returns int `(num_rows,)`, how many columns each row has."""
        return np.diff(self.starts)

    def expand(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns every pair of some rows.

        Args:
            rows: int `(r,)`; -1 is padding, which has no pair.

        Returns:
            Two int arrays of equal length: positions in `rows`, and columns.
        """
        start = self.starts[np.maximum(rows, 0)]
        count = self.starts[np.maximum(rows + 1, 0)] - start  # 0 for padding
        return np.repeat(np.arange(len(rows)), count), self.columns[_ranges(start, count)]

    def block(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Returns the dense bool `(r, c)` block of some rows and columns, false in padding (-1)."""
        block = np.zeros((len(rows), len(columns)), bool)
        position, column = self.expand(rows)
        left, right = equal_pairs(column, columns)
        block[position[left], right] = True
        return block

    def meeting(self, other: Adjacency, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns all pairs of rows that meet in a column.

        Rows j and k meet if this relation has j, and `other` has k, in the same column. A pair of
        rows comes as often as they meet.

        Args:
            other: a relation with the same rows and columns.
            rows: int `(r,)`; -1 is padding.

        Returns:
            Two int arrays of equal length: the positions of j and of k in `rows`.
        """
        left, left_column = self.expand(rows)
        right, right_column = other.expand(rows)
        left_meets, right_meets = equal_pairs(left_column, right_column)
        return left[left_meets], right[right_meets]


def equal_pairs(left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns all positions (i, j) with `left[i] == right[j]`.

    Examples:
        >>> equal_pairs(np.array([7, 8]), np.array([8, 7, 8]))
        (array([0, 1, 1]), array([1, 0, 2]))
    """
    order = np.argsort(right, kind="stable")
    ordered = right[order]
    first = np.searchsorted(ordered, left, side="left")
    count = np.searchsorted(ordered, left, side="right") - first
    return np.repeat(np.arange(len(left)), count), order[_ranges(first, count)]


def _ranges(first: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Concatenates `arange(first[i], first[i] + count[i])` for all i, without a loop."""
    ends = np.cumsum(count)
    total = ends[-1] if len(ends) else 0
    return np.arange(total) + np.repeat(first - ends + count, count)
