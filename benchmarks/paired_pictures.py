"""What a difference in rsum owes to the choice of the test pictures: a paired bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.ranks import ranks_from_embeddings

KS = (1, 5, 10)
_SAMPLES = 1000


def hits_by_picture(images: np.ndarray, texts: np.ndarray, matches: Matches) -> list[list[int]]:
    """Returns what each picture, with its texts, adds to the recalls that rsum is the sum of.

    Args:
        images: float32 `(n, dim)`, embeddings.
        texts: float32 `(m, dim)`, embeddings.
        matches: between them; a text of several pictures counts with the first.

    Returns:
        For each picture four counts: image queries (1, or 0 without a match), among how many of the
        first 1, 5 and 10 they have one, text queries, and their hits alike.

    Example:

    >>> hits_by_picture(np.eye(2, dtype="f"), np.eye(2, dtype="f")[:1], Matches.of([0], 2))
    [[1, 3, 1, 3], [0, 0, 0, 0]]
    """
    return hits_of_ranks(*ranks_from_embeddings(images, texts, matches), matches)


def hits_of_ranks(
    image_ranks: np.ndarray, text_ranks: np.ndarray, matches: Matches
) -> list[list[int]]:
    """Returns the counts of `hits_by_picture`, from the rank of each query's best match.

    Args:
        image_ranks: int `(n,)`, from 1; 0 for a query without a match.
        text_ranks: int `(m,)`, alike.
        matches: between images and texts.
    """
    texts_asked, first = np.unique(matches.pairs[:, 1], return_index=True)
    counts = np.zeros((matches.num_images, 4), int)
    counts[:, 0] = image_ranks > 0
    counts[:, 1] = np.where(image_ranks > 0, _hits(image_ranks), 0)
    picture_of = matches.pairs[first, 0]
    np.add.at(counts[:, 2], picture_of, 1)
    np.add.at(counts[:, 3], picture_of, _hits(text_ranks[texts_asked]))
    return counts.tolist()


def rsum_of(counts: ArrayLike, weights: ArrayLike | None = None) -> np.ndarray:
    """Returns rsum, in percent, where each picture stands for as many as its weight.

    Args:
        counts: float `(n, 4)`, from `hits_by_picture`, or means of them.
        weights: float `(..., n)`; 1 for each if None.
    """
    counts = np.asarray(counts, float)
    weights = np.ones(len(counts)) if weights is None else weights
    sums = weights @ counts
    return 100 * (sums[..., 1] / sums[..., 0] + sums[..., 3] / sums[..., 2])


def difference_error(one: Sequence[ArrayLike], other: Sequence[ArrayLike]) -> float:
    """Returns the standard error of a difference in mean rsum, over other pictures to ask for.

    The pictures are drawn anew from themselves, with their texts and for both alike; what they are
    ranked among stays.

    Args:
        one: of each seed the counts by picture.
        other: the same of the same pictures.

    Example:

    >>> counts = [[1, 3, 1, 3], [1, 0, 1, 0]]
    >>> difference_error([counts], [counts, counts])
    0.0
    """
    one, other = np.mean(one, axis=0), np.mean(other, axis=0)
    share = np.full(len(one), 1 / len(one))
    weights = np.random.default_rng(0).multinomial(len(one), share, size=_SAMPLES)
    return float(np.std(rsum_of(one, weights) - rsum_of(other, weights), ddof=1))


def rsum_error(counts: ArrayLike) -> float:
    """Returns the standard error of rsum over other pictures to ask for, as above.

    Args:
        counts: float `(n, 4)`, by picture.
    """
    return difference_error([counts], [np.array([[1, 0, 1, 0]] * len(counts))])


def _hits(ranks: np.ndarray) -> np.ndarray:
    return np.sum(ranks[:, None] <= np.array(KS), axis=1)
