"""Canonical correlation analysis as a network: fitted in closed form, without epochs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.networks import EmbeddingNetwork
from tb_keras.storage.atomic_file import written_beside
from tb_keras.training.fitted_starts import starts_of
from tb_keras.training.metrics import baseline_figure, headline_metric, network_metrics
from tb_keras.training.recipes.recipe import Recipe


def train_cca(
    train: Corpus,
    validation: Corpus,
    recipe: Recipe,
    directory: str | os.PathLike,
    seed: int = 0,
) -> EmbeddingNetwork:
    """Fits normalised, regularised CCA and saves it as an embedding network of linear starts alone.

    `RegularizedCCABaseline` chooses the regularisation and the power of the correlations by the
    best figure on `validation`: rsum, or recall@1 if the corpora have a grounding. `directory` gets
    `network.keras` and `result.json`. Every seed gives the same network. An interrupted fit starts
    anew.

    Args:
        train: corpus with both features; memory maps are read block by block.
        validation: corpus with both features, for the same task.
        recipe: its `embedding_dim` is the number of canonical directions, at most; there are no
            more than the narrower features have dimensions. No other setting is used.
        directory: where both files are kept.
        seed: int, kept in `result.json`.

    Raises:
        ValueError: if features or matches are missing, or the texts are word indices.
    """
    for argument, corpus in (("train", train), ("validation", validation)):
        for name in ("image_features", "text_features"):
            features = getattr(corpus, name)
            if features is None or features.dtype.kind != "f":
                raise ValueError(
                    f"`{argument}` must have {name} of a float type for canonical correlation "
                    f"analysis. Received: {corpus}"
                )
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    fitted = RegularizedCCABaseline(
        train,
        validation,
        dim=recipe.network_settings()["embedding_dim"],
        figure=baseline_figure,
        verbose=True,
    )
    image_start, text_start = starts_of(fitted.projections, train)
    network = EmbeddingNetwork(
        train.image_features.shape[1],
        train.text_features.shape[1],
        hidden_dim=0,  # each branch is its start alone
        image_start=image_start,
        text_start=text_start,
    )
    with written_beside(directory / "network.keras") as beside:
        network.save(beside)
    headline = headline_metric(validation)
    record = {
        "monitor": f"val_{headline}",
        "figure": network_metrics(network, validation)[headline],
        "seed": seed,
        "seconds": round(time.monotonic() - started, 1),
        "regularization": fitted.regularization,
        "power": fitted.power,
    }
    with written_beside(directory / "result.json") as beside:
        beside.write_text(json.dumps(record) + "\n")
    return network
