"""Ranks of the best match, by counting what scores at least as high."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tb_keras.matches import Matches

_BLOCK_VALUES = 2**24  # scores in a block: 64 MiB
# Times sqrt(dim) and both lengths. Up to 3.6 eps was measured, between copies of one vector.
ROUNDING = 4 * np.finfo(np.float32).eps


def ranks_from_scores(
    blocks: Callable[[], Iterable[np.ndarray]], matches: Matches
) -> tuple[np.ndarray, np.ndarray]:
    """Ranks of image queries `(n,)` and text queries `(m,)`, 0 for a query without a match.

    Args:
        blocks: returns the score matrix in blocks of rows; called twice.
        matches: between the rows and the columns of the scores.

    Example:

    >>> ranks_from_scores(lambda: [np.array([[0.9, 0.9]]), np.array([[0.1, 0.2]])],
    ...                   Matches.of([0, 1]))
    (array([2, 1]), array([1, 2]))
    """
    pairs = matches.pairs
    pair_scores = []
    for first, block in _checked_blocks(blocks(), matches):
        image, text = _of_rows(pairs, first, len(block)).T
        pair_scores.append(block[image - first, text])
    # In the scores' own type, so that comparing is exact, whole numbers included.
    pair_scores = np.concatenate(pair_scores or [np.zeros(0)])
    return _ranks(_checked_blocks(blocks(), matches), matches, pair_scores)


def ranks_from_embeddings(
    images: np.ndarray, texts: np.ndarray, matches: Matches
) -> tuple[np.ndarray, np.ndarray]:
    """The ranks of `ranks_from_scores` for dot products, which are computed once only.

    A match's own score is summed apart, in float64. So what lies below it by no more than the
    matrix product's rounding of that very pair, 4 · eps · sqrt(dim) · |x||y| in float32, counts
    as a tie, against the query.

    Args:
        images: float32 `(n, dim)`.
        texts: float32 `(m, dim)`.
        matches: between `images` and `texts`.
    """
    pairs = matches.pairs
    pair_scores = np.empty(len(pairs), np.float64)
    step = max(1, _BLOCK_VALUES // max(1, images.shape[1]))
    for start in range(0, len(pairs), step):
        image, text = pairs[start : start + step].T
        pair_scores[start : start + step] = np.einsum(
            "pd,pd->p", images[image], texts[text], dtype=np.float64
        )
    image, text = pairs.T
    lengths = np.linalg.norm(images, axis=1)[image] * np.linalg.norm(texts, axis=1)[text]
    pair_scores -= ROUNDING * images.shape[1] ** 0.5 * lengths
    rows = max(1, _BLOCK_VALUES // max(1, len(texts)))
    blocks = (
        (first, images[first : first + rows] @ texts.T) for first in range(0, len(images), rows)
    )
    return _ranks(blocks, matches, pair_scores.astype(np.float32))


def _ranks(blocks, matches: Matches, pair_scores: np.ndarray):
    images, texts = matches.pairs.T
    lowest = pair_scores.min() if len(pair_scores) else 0  # -inf is no whole number
    best_of_image = np.full(matches.num_images, lowest, pair_scores.dtype)
    best_of_text = np.full(matches.num_texts, lowest, pair_scores.dtype)
    np.maximum.at(best_of_image, images, pair_scores)
    np.maximum.at(best_of_text, texts, pair_scores)
    image_ranks = np.ones(matches.num_images, np.int64)
    text_ranks = np.ones(matches.num_texts, np.int64)
    for first, block in blocks:
        rows = slice(first, first + len(block))
        above = block >= best_of_image[rows, None]
        beats = block >= best_of_text
        image_ranks[rows] += np.count_nonzero(above, axis=1)
        text_ranks += np.count_nonzero(beats, axis=0)
        # Matches and ignored pairs are no competitors: take back what was counted of them.
        for related in (matches.pairs, matches.ignored):
            image, text = _of_rows(related, first, len(block)).T
            np.subtract.at(image_ranks, image, above[image - first, text])
            np.subtract.at(text_ranks, text, beats[image - first, text])
    image_ranks[matches.texts_per_image() == 0] = 0
    text_ranks[matches.images_per_text() == 0] = 0
    return image_ranks, text_ranks


def _of_rows(pairs: np.ndarray, first: int, count: int) -> np.ndarray:
    """The pairs, sorted by image, whose image is in a block of rows."""
    return pairs[slice(*np.searchsorted(pairs[:, 0], [first, first + count]))]


def _checked_blocks(
    blocks: Iterable[np.ndarray], matches: Matches
) -> Iterator[tuple[int, np.ndarray]]:
    first = 0
    for block in map(np.asarray, blocks):
        if block.ndim != 2 or block.shape[1] != matches.num_texts:
            raise ValueError(
                f"`scores` must have {matches.num_texts} columns. Received: shape={block.shape}"
            )
        if np.isnan(block).any():
            row = first + int(np.isnan(block).any(axis=1).argmax())
            raise ValueError(f"`scores` must not hold NaN. Received: NaN in row {row}")
        yield first, block
        first += len(block)
    if first != matches.num_images:
        raise ValueError(f"`scores` must have {matches.num_images} rows. Received: {first}")
