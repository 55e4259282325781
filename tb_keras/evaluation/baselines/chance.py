"""The figures of random scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation.retrieval import retrieval_metrics_from_scores
from tb_keras.evaluation.score_blocks import BLOCK_VALUES

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
    draws = [_figures(rng, matches, ks) for _ in range(_DRAWS)]
    return {name: float(np.mean([draw[name] for draw in draws])) for name in draws[0]}


def _figures(rng: np.random.Generator, matches: Matches, ks: Sequence[int]) -> dict[str, float]:
    begin, n, m = rng.bit_generator.state, matches.num_images, matches.num_texts
    step = max(1, BLOCK_VALUES // max(1, m))

    def blocks() -> Iterator[np.ndarray]:
        rng.bit_generator.state = begin  # each time the same scores
        for first in range(0, n, step):
            yield rng.random((min(step, n - first), m), np.float32)

    return retrieval_metrics_from_scores(blocks, matches, ks)
