"""The rank of each query's best match, by counting the candidates that score at least as high."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.score_blocks import BLOCK_VALUES, ScoreBlocks, checked_blocks

_CACHED_VALUES = 2**19  # scores that stay in a core's cache for two comparisons: 2 MiB
_BYTE = 255  # flags that a byte can count
# The rounding of a matrix product, times sqrt(dim) and the lengths of both vectors.
ROUNDING = 4 * np.finfo(np.float32).eps


def ranks_from_scores(blocks: ScoreBlocks, matches: Matches) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ranks of all image queries and text queries.

    Args:
        blocks: returns the score matrix in blocks of rows. It is called twice.
        matches: between the rows and the columns of the scores.

    Returns:
        int64 `(n,)` and `(m,)`, ranks from 1, and 0 for a query without a match.

    Raises:
        ValueError: if the scores do not have the shape of `matches`, or hold NaN.

    Examples:
        >>> ranks_from_scores(
        ...     lambda: [np.array([[0.9, 0.9]]), np.array([[0.1, 0.2]])], Matches.of([0, 1])
        ... )
        (array([2, 1]), array([1, 2]))
    """
    pairs = matches.pairs
    pair_scores = []
    for first, block in checked_blocks(blocks(), matches):
        image, text = _of_rows(pairs, first, len(block)).T
        pair_scores.append(block[image - first, text])
    # In the type of the scores, so that comparisons are exact, also those of whole numbers.
    pair_scores = np.concatenate(pair_scores or [np.zeros(0)])
    whole_rows = ((first, 0, block) for first, block in checked_blocks(blocks(), matches))
    return _ranks(whole_rows, matches, pair_scores)


def ranks_from_embeddings(
    images: np.ndarray, texts: np.ndarray, matches: Matches
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ranks of `ranks_from_scores` for dot products, each computed only once.

    The score of a match is computed apart, in float64. A candidate that scores lower by no more
    than the rounding of the matrix product, 4 · eps · sqrt(dim) · |x||y| in float32 for a match of
    x and y, counts as a tie, against the query.

    Args:
        images: float32 `(n, dim)`.
        texts: float32 `(m, dim)`.
        matches: between `images` and `texts`.

    Returns:
        int64 `(n,)` and `(m,)`, ranks from 1, and 0 for a query without a match.
    """
    pair_scores = np.empty(len(matches.pairs), np.float64)
    step = max(1, _CACHED_VALUES // 8 // max(1, images.shape[1]))
    for start in range(0, len(pair_scores), step):
        image, text = matches.pairs[start : start + step].T
        pair_scores[start : start + step] = np.einsum(
            "pd,pd->p", images[image], texts[text], dtype=np.float64
        )
    image, text = matches.pairs.T
    lengths = _lengths(images)[image] * _lengths(texts)[text]
    pair_scores -= ROUNDING * images.shape[1] ** 0.5 * lengths
    return _ranks(_products(images, texts), matches, pair_scores.astype(np.float32))


def _lengths(embeddings: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("nd,nd->n", embeddings, embeddings))


def _products(images: np.ndarray, texts: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields the first row and column of each block of scores, and the block.

    Each block overwrites the last. Blocks are as square as possible, since a product of few rows
    takes longer for each score.
    """
    rows = max(math.isqrt(BLOCK_VALUES), BLOCK_VALUES // max(1, len(texts)))
    rows = max(1, min(rows, len(images)))
    columns = max(1, BLOCK_VALUES // rows)
    memory = np.empty(rows * min(columns, len(texts)), np.float32)
    for row in range(0, len(images), rows):
        left = images[row : row + rows]
        for column in range(0, len(texts), columns):
            right = texts[column : column + columns].T
            block = memory[: len(left) * right.shape[1]].reshape(len(left), -1)
            yield row, column, np.matmul(left, right, out=block)


def _ranks(
    blocks: Iterable[tuple[int, int, np.ndarray]], matches: Matches, pair_scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    images, texts = matches.pairs.T
    lowest = pair_scores.min() if len(pair_scores) else 0  # whole numbers have no -inf
    best_of_image = np.full(matches.num_images, lowest, pair_scores.dtype)
    best_of_text = np.full(matches.num_texts, lowest, pair_scores.dtype)
    np.maximum.at(best_of_image, images, pair_scores)
    np.maximum.at(best_of_text, texts, pair_scores)
    image_ranks = np.ones(matches.num_images, np.int64)
    text_ranks = np.ones(matches.num_texts, np.int64)
    for row, column, block in _pieces(blocks):
        rows = slice(row, row + block.shape[0])
        columns = slice(column, column + block.shape[1])
        above, beats = np.zeros((2, len(block), -(-block.shape[1] // 8) * 8), bool)
        np.greater_equal(block, best_of_image[rows, None], out=above[:, : block.shape[1]])
        np.greater_equal(block, best_of_text[columns], out=beats[:, : block.shape[1]])
        image_ranks[rows] += _true_in_rows(above)
        text_ranks[columns] += _true_in_columns(beats)[: block.shape[1]]
        # Matches and ignored pairs do not compete, so their counts are taken back.
        for related in (matches.pairs, matches.ignored):
            image, text = _of_rows(related, row, len(block)).T
            inside = (text >= column) & (text < columns.stop)
            image, text = image[inside], text[inside]
            np.subtract.at(image_ranks, image, above[image - row, text - column])
            np.subtract.at(text_ranks, text, beats[image - row, text - column])
    image_ranks[matches.texts_per_image() == 0] = 0
    text_ranks[matches.images_per_text() == 0] = 0
    return image_ranks, text_ranks


def _pieces(
    blocks: Iterable[tuple[int, int, np.ndarray]],
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields some rows of each block at a time, and never none."""
    for row, column, block in blocks:
        step = min(max(1, _CACHED_VALUES // max(1, block.shape[1])), _BYTE)
        for start in range(0, len(block) if block.size else 0, step):
            yield row + start, column, block[start : start + step]


def _true_in_rows(flags: np.ndarray) -> np.ndarray:
    """Counts the true flags of each row, much faster than `np.count_nonzero`.

    It adds words of eight flags. Each byte of the sum counts every eighth flag, and at most 255
    words are added, so that no byte overflows into the next.

    Args:
        flags: bool `(rows, columns)`, columns a multiple of 8.
    """
    words = flags.view(np.uint64)
    sums = np.add.reduceat(words, np.arange(0, words.shape[1], _BYTE), axis=1)
    return sums.view(np.uint8).sum(axis=1, dtype=np.int64)


def _true_in_columns(flags: np.ndarray) -> np.ndarray:
    """Counts the true flags of each column of at most 255 rows."""
    return np.add.reduce(flags.view(np.uint8), axis=0, dtype=np.uint8)


def _of_rows(pairs: np.ndarray, first: int, count: int) -> np.ndarray:
    """Returns the pairs whose image is in a block of rows; pairs are sorted by image."""
    return pairs[slice(*np.searchsorted(pairs[:, 0], [first, first + count]))]
