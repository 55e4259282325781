"""A matrix of scores in blocks of rows, which need not fit into memory at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import first_false
from tb_keras.corpus.matches import Matches

BLOCK_VALUES = 2**24  # scores in a block: 64 MiB
ScoreBlocks = Callable[[], Iterator[np.ndarray]]


def score_blocks(scores: ArrayLike | ScoreBlocks) -> ScoreBlocks:
    """Returns a callable that iterates over blocks of rows.

    Args:
        scores: float `(n, m)`, or such a callable, which is returned as it is.

    Raises:
        ValueError: if an array of scores does not have rank 2.
    """
    if callable(scores):
        return scores
    array = np.asarray(scores)
    if array.ndim != 2:
        raise ValueError(f"`scores` must have shape (n, m). Received: shape={array.shape}")
    step = max(1, BLOCK_VALUES // max(1, array.shape[1]))
    starts = range(0, max(1, len(array)), step)  # without rows, one empty block
    return lambda: (array[first : first + step] for first in starts)


def checked_blocks(
    blocks: Iterable[np.ndarray], matches: Matches, finite: bool = False
) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the first row of each block and the block.

    Args:
        blocks: blocks of rows of the scores.
        matches: between the rows and the columns of the scores.
        finite: whether infinite scores are an error, too, and not only NaN.

    Raises:
        ValueError: if the scores do not have the shape of `matches`, or hold NaN or infinity.
    """
    first = 0
    for block in map(np.asarray, blocks):
        if block.ndim != 2 or block.shape[1] != matches.num_texts:
            raise ValueError(
                f"`scores` must have {matches.num_texts} columns. Received: shape={block.shape}"
            )
        right = np.isfinite(block) if finite else ~np.isnan(block)
        row = first_false(right.all(axis=1))
        if row is not None:
            expected, received = (
                ("be finite", "NaN or infinity") if finite else ("not hold NaN", "NaN")
            )
            raise ValueError(f"`scores` must {expected}. Received: {received} in row {first + row}")
        if first + len(block) <= matches.num_images:
            yield first, block
        first += len(block)
    if first != matches.num_images:
        raise ValueError(f"`scores` must have {matches.num_images} rows. Received: {first}")
