"""Retrieval figures of a run's networks, of exported models and of baselines."""

from __future__ import annotations

from collections.abc import Sequence

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.evaluation.baselines.chance import chance_metrics
from tb_keras.evaluation.baselines.kernel_cca_baseline import KernelCCABaseline
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import RidgeBaseline
from tb_keras.evaluation.baselines.zero_shot_baseline import ZeroShotBaseline
from tb_keras.evaluation.metrics_table import MetricsTable
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.second_stage import SecondStage
from tb_keras.scripts.tables.network_rows import network_rows
from tb_keras.scripts.tables.published_row import published_row
from tb_keras.scripts.tables.reranked_rows import reranked_rows
from tb_keras.scripts.tables.retrieval_protocols import protocol_tables
from tb_keras.serving import ExportedModel, ExportedNetwork
from tb_keras.training import network_metrics

BASELINES = ("chance", "zero_shot", "ridge", "regularized_cca", "kernel_cca")
_HELD_VALUES = 2**28  # training features (1 GiB) up to which ridge regression is fitted


def evaluate_retrieval(
    run: Run,
    corpus: Corpus,
    split: str,
    baselines: Sequence[str],
    of_baselines: tuple[Corpus, Corpus, Corpus] | None,
    models: Sequence[str],
    stage: SecondStage | None = None,
) -> tuple[dict, list[MetricsTable]]:
    """Measures networks, exported models and baselines on one split.

    Args:
        run: with at least one network trained.
        corpus: the split, with features.
        split: name of the split.
        baselines: names of `BASELINES`.
        of_baselines: the training and the validation corpus and the split for the baselines, with
            the features of untrained encoders; None if there are none.
        models: directories of exported models.
        stage: a second stage, or None for none.

    Returns:
        The figures for metrics.json, and the tables to print.
    """
    if "ridge" in baselines and _many_features(of_baselines[0]):
        print("ridge, which holds all training features in memory, is left out")
        baselines = [name for name in baselines if name != "ridge"]
    rows = {name: _baseline(name, of_baselines) for name in baselines}
    metrics, of_networks, best = network_rows(
        run, corpus, models, lambda *embedded: embedded, _of_export
    )
    reranked, of_stages, stages = reranked_rows(stage, corpus)
    settings = run.settings
    measured = {kind: of_networks[f"{kind}, seed {run.best_seed(kind)}"] for kind in best}
    tables = protocol_tables(settings, corpus, split, best | stages, measured)
    published = published_row(settings)
    if "folds" in tables:
        tables["folds"].rows.update(published)
    main = MetricsTable(
        rows | of_networks | of_stages | ({} if "folds" in tables else published),
        title=f"{settings['dataset']}, split {split}: {corpus}",
    )
    return {
        **metrics[run.networks()[0]],
        **metrics,
        **reranked,
        "baselines": rows,
        **published,
        **{name: table.rows for name, table in tables.items()},
    }, [main, *tables.values()]


def _many_features(train: Corpus) -> bool:
    return max(train.text_features.size, train.image_features.size) > _HELD_VALUES


def _baseline(name: str, corpora: tuple[Corpus, Corpus, Corpus]) -> dict[str, float]:
    """Returns the figures of a baseline, with bars while it is fitted."""
    train, validation, corpus = corpora
    if name == "chance":
        return chance_metrics(corpus.matches)
    if name == "zero_shot":
        return _measured(ZeroShotBaseline(), corpus)
    print(f"baseline {name}", flush=True)
    if name == "ridge":
        return _measured(RidgeBaseline(train, validation), corpus)
    kind = {"regularized_cca": RegularizedCCABaseline, "kernel_cca": KernelCCABaseline}[name]
    return _measured(kind(train, validation, verbose=True), corpus)


def _measured(matcher, corpus: Corpus) -> dict[str, float]:
    """Returns the figures of an object with `embed_images` and `embed_texts` from features."""
    return retrieval_metrics(
        matcher.embed_images(corpus.image_features),
        matcher.embed_texts(corpus.text_features),
        corpus.matches,
    )


def _of_export(network: ExportedNetwork, corpus: Corpus) -> dict[str, float]:
    """Returns the figures of an exported model.

    They are from image files and strings if the model takes them, else from features. A similarity
    network scores pairs, and is always measured on features.
    """
    raw = network.takes_raw and corpus.image_paths is not None and corpus.texts is not None
    if network.network == "similarity" or not raw:
        return network_metrics(network, corpus)
    model = ExportedModel(network.path)
    return retrieval_metrics(
        model.embed_images(corpus.image_paths), model.embed_texts(corpus.texts), corpus.matches
    )
