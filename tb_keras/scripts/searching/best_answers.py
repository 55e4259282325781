"""The best answers to a query: above a score, and none that is nearly another one."""

from __future__ import annotations

import numpy as np

from tb_keras.scripts.searching.places import Place

_EQUAL = 0.995  # cosine of embeddings


def best_answers(
    place: Place,
    query: np.ndarray,
    k: int,
    of: str,
    filter: str | None = None,
    least_score: float | None = None,
    distinct: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the scores and the identifiers of the best answers, best first.

    Args:
        place: where to look.
        query: float32 `(dim,)`.
        k: how many answers, at most.
        of: `"images"` or `"texts"`.
        filter: as `ImageTextIndex.search` takes it.
        least_score: of an answer; None for any.
        distinct: whether of answers with nearly equal embeddings the first alone is taken.
    """
    wanted = k
    while True:
        (scores,), (ids,) = place.search(query[None], wanted, of, filter)
        is_all = len(ids) < wanted
        if least_score is not None:
            scores, ids = scores[scores >= least_score], ids[scores >= least_score]
        kept = first_of_equal(place.embeddings(ids, of)) if distinct else np.arange(len(ids))
        if len(kept) >= k or is_all or not distinct or len(ids) < wanted:
            return scores[kept[:k]], ids[kept[:k]]
        wanted *= 2


def first_of_equal(embeddings: np.ndarray, cosine: float = _EQUAL) -> np.ndarray:
    """Returns the rows that no row before them, of those that are kept, nearly equals.

    Args:
        embeddings: float `(n, dim)`.
        cosine: from which two rows count as equal.

    Examples:
        >>> first_of_equal(np.array([[1.0, 0.0], [2.0, 0.01], [0.0, 1.0]]))
        array([0, 2])
    """
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    kept: list[int] = []
    for row in range(len(unit)):
        if not kept or (unit[kept] @ unit[row]).max() < cosine:
            kept.append(row)
    return np.array(kept, int)
