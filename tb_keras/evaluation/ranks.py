"""Ranks of the best match, by counting what scores at least as high."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tb_keras.matches import Matches

_BLOCK_VALUES = 2**24  # scores in a block: 64 MiB


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
    pair_scores = np.empty(len(pairs), np.float64)
    for first, block in _checked_blocks(blocks(), matches):
        chosen = slice(*np.searchsorted(pairs[:, 0], [first, first + len(block)]))
        pair_scores[chosen] = block[pairs[chosen, 0] - first, pairs[chosen, 1]]
    return _ranks(_checked_blocks(blocks(), matches), matches, pair_scores, tolerance=0.0)


def ranks_from_embeddings(
    images: np.ndarray, texts: np.ndarray, matches: Matches
) -> tuple[np.ndarray, np.ndarray]:
    """The ranks of `ranks_from_scores` for dot products, which are computed once only.

    The matches' own scores come from another summation order than the matrix product's. So scores
    that differ by less than float32 rounding of such a product count as ties, against the query.

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
        pair_scores[start : start + step] = np.einsum("pd,pd->p", images[image], texts[text])
    longest = np.linalg.norm(images, axis=1).max(initial=0) * np.linalg.norm(texts, axis=1).max(
        initial=0
    )
    rows = max(1, _BLOCK_VALUES // max(1, len(texts)))
    blocks = (
        (first, images[first : first + rows] @ texts.T) for first in range(0, len(images), rows)
    )
    tolerance = 4 * np.finfo(np.float32).eps * float(longest)
    return _ranks(blocks, matches, pair_scores, tolerance)


def _ranks(blocks, matches: Matches, pair_scores: np.ndarray, tolerance: float):
    images, texts = matches.pairs.T
    best_of_image = np.full(matches.num_images, np.inf)
    best_of_text = np.full(matches.num_texts, np.inf)
    has_text, has_image = matches.texts_per_image() > 0, matches.images_per_text() > 0
    best_of_image[has_text] = best_of_text[has_image] = -np.inf
    np.maximum.at(best_of_image, images, pair_scores)
    np.maximum.at(best_of_text, texts, pair_scores)
    best_of_image -= tolerance
    best_of_text -= tolerance
    best_of_image, best_of_text = best_of_image, best_of_text
    image_ranks = has_text.astype(np.int64)
    text_ranks = has_image.astype(np.int64)
    for first, block in blocks:
        rows = slice(first, first + len(block))
        above = block >= best_of_image[rows, None].astype(block.dtype)
        beats = block >= best_of_text.astype(block.dtype)
        image_ranks[rows] += np.count_nonzero(above, axis=1)
        text_ranks += np.count_nonzero(beats, axis=0)
        # Matches and ignored pairs are no competitors: take back what was counted of them.
        for related in (matches.pairs, matches.ignored):
            chosen = slice(*np.searchsorted(related[:, 0], [first, first + len(block)]))
            image, text = related[chosen].T
            np.subtract.at(image_ranks, image, above[image - first, text])
            np.subtract.at(text_ranks, text, beats[image - first, text])
    return image_ranks, text_ranks


def _checked_blocks(
    blocks: Iterable[np.ndarray], matches: Matches
) -> Iterator[tuple[int, np.ndarray]]:
    first = 0
    for block in blocks:
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
