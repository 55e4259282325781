"""The weight of the second network, chosen on the validation split."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork, PairScorer, Reranker
from tb_keras.training.metrics import embedded_corpus, headline_metric
from tb_keras.training.reranking.scored_candidates import ScoredCandidates

_WEIGHTS = tuple(step / 10 for step in range(11))


def fit_reranker(
    first: EmbeddingNetwork,
    second: PairScorer,
    validation: Corpus,
    candidates: int = 100,
    weights: Sequence[float] = _WEIGHTS,
    verbose: bool = False,
) -> Reranker:
    """Chooses how much a second network counts among the first network's candidates.

    It takes the weight of the highest rsum or, to localize phrases, recall@1, and the lowest of
    equally good weights. Each network's scores are divided by their standard deviation over all
    candidates, so that a weight means the same for any two networks. Candidates are scored once.

    Args:
        first: finds the candidates.
        second: scores them, such as a `SimilarityNetwork` that was trained on the same features.
        validation: corpus with both features.
        candidates: positive int, how many candidates of each query are ranked again.
        weights: floats in [0, 1] to choose from, at least one.
        verbose: whether to show a bar.

    Raises:
        ValueError: if a weight is out of range, there is none, or `first` is no `EmbeddingNetwork`.

    Examples:
        >>> from tb_keras.networks import SimilarityNetwork
        >>> sizes = {"image_dim": 5, "text_dim": 5, "hidden_dim": 4, "embedding_dim": 3}
        >>> corpus = Corpus(np.arange(5), image_features=np.eye(5), text_features=np.eye(5))
        >>> reranker = fit_reranker(EmbeddingNetwork(**sizes), SimilarityNetwork(**sizes), corpus)
        >>> 0 <= reranker.weight <= 1
        True
    """
    if not len(weights):
        raise ValueError("`weights` must hold at least one weight. Received: none")
    reranker = Reranker(first, second, candidates)
    scored = ScoredCandidates(reranker, embedded_corpus(reranker, validation), verbose)
    scales = _spread(scored.first_scores), _spread(scored.second_scores)
    choices = [
        dataclasses.replace(reranker, weight=weight, scales=scales) for weight in sorted(weights)
    ]
    headline = headline_metric(validation)
    return max(choices, key=lambda choice: scored.metrics(choice)[headline])


def _spread(scores: np.ndarray) -> float:
    return float(np.std(scores, dtype=np.float64)) or 1.0
