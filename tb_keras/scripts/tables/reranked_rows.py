"""The figures of two stages: candidates of one network, ranked again by another."""

from __future__ import annotations

import dataclasses

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import Reranker
from tb_keras.scripts.runs.second_stage import SecondStage
from tb_keras.training.metrics import embedded_corpus
from tb_keras.training.reranking.scored_candidates import ScoredCandidates


def reranked_rows(
    stage: SecondStage | None, corpus: Corpus
) -> tuple[dict, dict[str, dict[str, float]], dict[str, tuple[Reranker, Corpus]]]:
    """Measures the second stage by the similarity network alone and by both scores.

    To localize phrases, all regions of a picture are candidates, so the similarity network alone is
    no other row than its own.

    Args:
        stage: the second stage, or None for no row.
        corpus: the split, with features.

    Returns:
        The figures for metrics.json; the rows of a table by name; and by name in metrics.json the
        reranker with the corpus of its embeddings.
    """
    if stage is None:
        return {}, {}, {}
    reranker = stage.reranker
    alone, both = f"{stage.first}, then similarity", f"{stage.first} + similarity"
    embedded = embedded_corpus(reranker, corpus)
    print("candidates, by the similarity network", flush=True)
    scored = ScoredCandidates(reranker, embedded, verbose=True)
    figures = {}
    settings = {"run": stage.run, "weight": reranker.weight, "scales": reranker.scales}
    if corpus.grounding is None:
        settings["candidates"] = reranker.candidates
        figures[alone] = scored.metrics(dataclasses.replace(reranker, weight=1.0))
    mixed = scored.metrics(reranker)
    rows = {**figures, f"{both}, weight {reranker.weight:g}": mixed}
    figures[both] = mixed
    return {**figures, "reranked": settings}, rows, {both: (reranker, embedded)}
