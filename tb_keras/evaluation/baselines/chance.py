"""The figures of random scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.retrieval import retrieval_metrics_from_scores

_DRAWS = 20


def chance_metrics(
    matches: Matches, ks: Sequence[int] = (1, 5, 10), seed: int = 0
) -> dict[str, float]:
    """Returns the figures of `retrieval_metrics` for random scores, averaged over 20 draws.

    Args:
        matches: which images and texts belong together.
        ks: the k of each recall@k.
        seed: int, for the draws.

    Examples:
        >>> round(chance_metrics(Matches.of(np.arange(100)))["t2i_recall@10"])
        10
    """
    rng = np.random.default_rng(seed)
    shape = (matches.num_images, matches.num_texts)
    draws = [
        retrieval_metrics_from_scores(rng.random(shape, np.float32), matches, ks)
        for _ in range(_DRAWS)
    ]
    return {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}
