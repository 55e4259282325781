"""Localization figures of a run's networks, of exported models and of baselines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import (
    corpus_localization_metrics,
    corpus_localization_metrics_by_category,
)
from tb_keras.evaluation.baselines.localization_baselines import (
    cosine_region_scores,
    largest_region_scores,
    localization_recall_at_1,
    random_region_scores,
)
from tb_keras.evaluation.baselines.ridge_baseline import RidgeBaseline
from tb_keras.evaluation.baselines.zero_shot_baseline import ZeroShotBaseline
from tb_keras.evaluation.metrics_table import MetricsTable
from tb_keras.networks import PairScorer
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.second_stage import SecondStage
from tb_keras.scripts.tables.network_rows import network_rows
from tb_keras.scripts.tables.published_row import published_row
from tb_keras.scripts.tables.reranked_rows import reranked_rows
from tb_keras.training.metrics import region_scores

BASELINES = ("random", "largest", "zero_shot", "ridge")


def evaluate_localization(
    run: Run,
    corpus: Corpus,
    split: str,
    baselines: Sequence[str],
    of_baselines: tuple[Corpus, Corpus, Corpus] | None,
    models: Sequence[str],
    stage: SecondStage | None = None,
) -> tuple[dict, list[MetricsTable]]:
    """Measures networks, exported models and baselines on one split.

    The arguments and the returned values are those of `evaluate_retrieval`, but for the names of
    baselines. The figures have a
    further entry "by_category": for each network's best seed the figures of each category and kind
    of phrase, if the data set has them.
    """
    rows = {
        name: corpus_localization_metrics(_baseline_scores(name, of_baselines), of_baselines[2])
        for name in baselines
    }
    metrics, of_networks, by_category = network_rows(run, corpus, models, _by_category)
    reranked, of_stages, stages = reranked_rows(stage, corpus)
    by_category |= {name: _by_category(*embedded) for name, embedded in stages.items()}
    metrics |= {**reranked, "by_category": by_category}
    settings = run.settings
    published = published_row(settings)
    title = f"{settings['dataset']}, split {split}: {corpus}"
    tables = [MetricsTable(rows | of_networks | of_stages | published, "localization", title)]
    for network, categories in by_category.items():
        if categories:
            title = f"{network} network, by category and kind of phrase"
            tables.append(MetricsTable(categories, "localization", title))
    return {**metrics, "baselines": rows, **published}, tables


def _baseline_scores(name: str, corpora: tuple[Corpus, Corpus, Corpus]) -> np.ndarray:
    train, validation, corpus = corpora
    if name == "random":
        return random_region_scores(corpus.grounding)
    if name == "largest":
        return largest_region_scores(corpus.grounding)
    if name == "zero_shot":
        # A region's own features come first, before its surroundings and place.
        of_regions = corpus.image_features[:, : corpus.text_features.shape[1]]
        return cosine_region_scores(ZeroShotBaseline(), corpus.replace(image_features=of_regions))
    print(f"baseline {name}", flush=True)
    ridge = RidgeBaseline(train, validation, figure=localization_recall_at_1)
    return cosine_region_scores(ridge, corpus)


def _by_category(network: PairScorer, embedded: Corpus) -> dict[str, dict[str, float]]:
    attributes = [name for name in ("categories", "kind") if name in embedded.text_attributes]
    if not attributes:
        return {}
    scores = region_scores(network, embedded)
    found: dict[str, dict[str, float]] = {}
    for name in attributes:
        found |= corpus_localization_metrics_by_category(scores, embedded, name)
    # Of some categories no phrase has a box.
    return {name: figures for name, figures in found.items() if figures["phrases"]}
