"""The share of each picture, with its texts, in the recalls of retrieval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.checked_embeddings import checked_embeddings
from tb_keras.evaluation.ranks import ranks_from_embeddings


def retrieval_hits(
    image_embeddings: ArrayLike,
    text_embeddings: ArrayLike,
    matches: Matches | ArrayLike,
    ks: Sequence[int] = (1, 5, 10),
) -> np.ndarray:
    """Returns what each picture adds to the recalls that rsum is the sum of.

    Args:
        image_embeddings: float `(n, dim)`.
        text_embeddings: float `(m, dim)`.
        matches: a `Matches`, or a form that `Matches.of` takes. A text of several pictures counts
            with the first.
        ks: the k of each recall@k, positive ints.

    Returns:
        int64 `(n, 4)`: image queries (1, or 0 without a match), among how many of the first k they
        have a match, over all `ks`; text queries, and their hits alike. `paired_difference` takes
        the hits of two networks.

    Raises:
        ValueError: as in `retrieval_metrics`.

    Examples:
        >>> retrieval_hits(np.eye(2), np.eye(2)[:1], Matches.of([0], 2))
        array([[1, 3, 1, 3],
               [0, 0, 0, 0]])
    """
    images, texts, matches = checked_embeddings(image_embeddings, text_embeddings, matches)
    return hits_of_ranks(*ranks_from_embeddings(images, texts, matches), matches, ks)


def hits_of_ranks(
    image_ranks: np.ndarray, text_ranks: np.ndarray, matches: Matches, ks: Sequence[int]
) -> np.ndarray:
    """Returns the counts of `retrieval_hits`.

    Args:
        image_ranks: int `(n,)`, of each query's best match, from 1; 0 for a query without one.
        text_ranks: int `(m,)`, alike.
        matches: between images and texts.
        ks: the k of each recall@k.
    """
    texts_asked, first = np.unique(matches.pairs[:, 1], return_index=True)
    hits = np.zeros((matches.num_images, 4), int)
    hits[:, 0] = image_ranks > 0
    hits[:, 1] = np.where(image_ranks > 0, _hits(image_ranks, ks), 0)
    picture_of = matches.pairs[first, 0]
    np.add.at(hits[:, 2], picture_of, 1)
    np.add.at(hits[:, 3], picture_of, _hits(text_ranks[texts_asked], ks))
    return hits


def _hits(ranks: np.ndarray, ks: Sequence[int]) -> np.ndarray:
    return np.sum(ranks[:, None] <= np.array(ks), axis=1)
