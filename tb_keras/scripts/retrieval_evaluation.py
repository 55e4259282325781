"""Retrieval figures of a run's networks, of exported models and of baselines."""

from __future__ import annotations

from collections.abc import Sequence

from tb_keras.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.evaluation.cca_baseline import CCABaseline
from tb_keras.evaluation.chance import chance_metrics
from tb_keras.evaluation.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.ridge_baseline import RidgeBaseline
from tb_keras.scripts.network_rows import network_rows
from tb_keras.serving import ExportedModel, ExportedNetwork
from tb_keras.training import network_metrics
from tb_keras.training.run import Run


def evaluate_retrieval(
    run: Run, corpus: Corpus, fitted_on: Sequence[Corpus], models: Sequence[str]
) -> tuple[dict, dict]:
    """Measures everything on one split.

    Args:
        run: with at least one network trained.
        corpus: the split, with features.
        fitted_on: training and validation corpus for the baselines, or nothing.
        models: directories of exported models.

    Returns:
        What metrics.json holds, and the rows of the table by name.
    """
    rows = {}
    if fitted_on:
        rows["chance"] = chance_metrics(corpus.matches)
        rows["ridge"] = _measured(RidgeBaseline(*fitted_on), corpus)
        rows["cca"] = _measured(CCABaseline(*fitted_on), corpus)
        rows["regularized_cca"] = _measured(RegularizedCCABaseline(*fitted_on), corpus)
    baselines = dict(rows)
    metrics, of_networks = network_rows(run, corpus, models, _of_export)
    return {
        **metrics[run.networks()[0]],
        **metrics,
        "baselines": baselines,
    }, rows | of_networks


def _measured(matcher, corpus: Corpus) -> dict[str, float]:
    """Figures of anything with `embed_images` and `embed_texts` from features."""
    return retrieval_metrics(
        matcher.embed_images(corpus.image_features),
        matcher.embed_texts(corpus.text_features),
        corpus.matches,
    )


def _of_export(network: ExportedNetwork, corpus: Corpus) -> dict[str, float]:
    """Figures from raw pictures and strings; from features where a pair is scored by a network."""
    if network.network == "similarity":
        return network_metrics(network, corpus)
    model = ExportedModel(network.path)
    return retrieval_metrics(
        model.embed_images(corpus.image_paths), model.embed_texts(corpus.texts), corpus.matches
    )
