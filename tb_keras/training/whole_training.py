"""Trains a network from two corpora to a file."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import TwoBranchNetwork
from tb_keras.storage.atomic_file import written_beside
from tb_keras.training.callbacks.corpus_evaluation import CorpusEvaluation
from tb_keras.training.callbacks.divergence_check import DivergenceCheck
from tb_keras.training.callbacks.network_checkpoint import NetworkCheckpoint
from tb_keras.training.callbacks.training_backup import TrainingBackup
from tb_keras.training.callbacks.training_progress import TrainingProgress
from tb_keras.training.interpolation import interpolate
from tb_keras.training.low_rank import unchanged_weights
from tb_keras.training.metrics import headline_metric
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe
from tb_keras.training.replicas.shared_state import share_network, share_training
from tb_keras.training.replicas.strategy import from_chief, is_chief
from tb_keras.training.train_cca import train_cca

_TRAINED = "trained.keras"  # the network before it is interpolated


def train_network(
    train: Corpus,
    validation: Corpus,
    recipe: Recipe,
    directory: str | os.PathLike,
    seed: int = 0,
    text_encoder: keras.Model | None = None,
    initial: TwoBranchNetwork | None = None,
    image_encoder: keras.Model | None = None,
    strategy: tf.distribute.Strategy | None = None,
    shards: str | os.PathLike | None = None,
    teacher: tuple[np.ndarray, np.ndarray] | None = None,
) -> TwoBranchNetwork:
    """Trains a network by a recipe and keeps that of the best epoch, or of the last.

    The task follows from the corpora: localization if they have a grounding, else retrieval.
    `directory` gets `network.keras`, `history.csv` with a line an epoch and, at the end,
    `result.json`. Called again, the function returns a finished network from there, or goes on with
    a training that was interrupted or killed. The network "cca" has no epochs and no history.

    Args:
        train: corpus with both features.
        validation: corpus with both features, for the same task.
        recipe: the settings.
        directory: where everything is kept.
        seed: int, for the weights, the dropout and the order of the batches.
        text_encoder: the first part of the text branch, as in `from_recipe`.
        initial: a network of the recipe's kind that is trained further, instead of a new one.
        image_encoder: the first part of the image branch, as in `from_recipe`.
        strategy: from `tb_keras.training.replica_strategy`, to train on several replicas. Each
            worker calls this function, with the same data. The chief alone reads and writes
            `directory`, and measures the network. All take over how far it is, and return its
            network. For the network "cca", each process fits its own.
        shards: directory of `tb_keras.batching.write_shards`, from which the batches are read.
            `train` is then a sample of it, such as `tb_keras.batching.shard_sample` returns.
        teacher: from `tb_keras.training.teacher_embeddings`, for an embedding network that learns
            from their scores beside the labels.

    Returns:
        The network of the epoch with the best `val_rsum`, or to localize the best `val_recall@1`.
        If `recipe.kept_epoch` is "last", the network of the last epoch.

    Raises:
        ValueError: if features are missing or of different sizes, the corpora are for different
            tasks, a setting is out of range or does not go with `shards` or `teacher`, or the loss
            becomes NaN or infinite.
    """
    directory = Path(directory)
    path, result = directory / "network.keras", directory / "result.json"
    strategy = None if recipe.network == "cca" else strategy
    chief = is_chief(strategy)
    settings = train, recipe, seed, text_encoder, validation, initial, image_encoder
    if recipe.network == "cca" and not (shards is None and teacher is None):
        raise ValueError("`shards` and `teacher` must be None for the network cca, fitted at once")
    if from_chief(strategy, [np.asarray(result.exists())])[0]:
        if chief:
            _tidy(directory)
        finished = keras.saving.load_model(path) if chief else from_recipe(*settings).network
        return share_network(strategy, finished)
    for argument, corpus in (("train", train), ("validation", validation)):
        if corpus.image_features is None or corpus.text_features is None:
            raise ValueError(
                f"`{argument}` must have image_features and text_features. Received: {corpus}"
            )
    for name in ("image_features", "text_features"):
        ours, theirs = (getattr(corpus, name).shape[1] for corpus in (train, validation))
        if ours != theirs:
            raise ValueError(
                f"`validation` must have {name} of size {ours}, as `train` has. Received: {theirs}"
            )
    if (train.grounding is None) != (validation.grounding is None):
        raise ValueError(
            "`validation` must have a grounding if `train` has one, and only then. "
            f"Received: train={train}, validation={validation}"
        )
    if recipe.network == "cca":
        return train_cca(train, validation, recipe, directory, seed)
    network, model, batches = from_recipe(*settings, strategy, shards, teacher)
    if not chief:
        first_epoch = share_training(strategy, model, 0)
        epochs = {"initial_epoch": first_epoch, "epochs": recipe.epochs}
        model.fit(batches(first_epoch), **epochs, callbacks=[DivergenceCheck()])
        return share_network(strategy, network)
    directory.mkdir(parents=True, exist_ok=True)
    before = unchanged_weights(network) if recipe.interpolate else None
    trained = path if before is None else directory / _TRAINED
    backup = TrainingBackup(directory / "backup")
    first_epoch = share_training(strategy, model, backup.restore(model))
    started = time.monotonic()
    monitor = f"val_{headline_metric(validation)}"
    mode = "last" if recipe.kept_epoch == "last" else "max"
    checkpoint = NetworkCheckpoint(network, trained, monitor=monitor, mode=mode)
    _cut_history(directory / "history.csv", first_epoch)
    history = keras.callbacks.CSVLogger(directory / "history.csv", append=True)
    callbacks = [
        CorpusEvaluation(network, validation),
        checkpoint,
        history,
        DivergenceCheck(),
        backup,
        TrainingProgress(("violating", "misclassified", monitor)),
    ]
    try:
        model.fit(
            batches(first_epoch),
            initial_epoch=first_epoch,
            epochs=recipe.epochs,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )
    finally:
        history.on_train_end()  # closes its file; `fit` does so only where nothing was raised
    seconds = round(time.monotonic() - started, 1)
    record = {"monitor": monitor, "figure": checkpoint.kept, "seed": seed, "seconds": seconds}
    if before is not None:
        kept = keras.saving.load_model(trained)
        record["trained_weight"], record["figure"] = interpolate(kept, before, validation)
        with written_beside(path) as beside:
            kept.save(beside)
    with written_beside(result) as beside:
        beside.write_text(json.dumps(record) + "\n")
    _tidy(directory)
    return share_network(strategy, keras.saving.load_model(path))


def _tidy(directory: Path) -> None:
    """Deletes what a training needs until its result is written."""
    TrainingBackup(directory / "backup").clear()
    for file in directory.glob(f"{Path(_TRAINED).stem}.*"):
        file.unlink()


def _cut_history(file: Path, epochs: int) -> None:
    """Keeps the lines of the first epochs; the epochs after the last backup run again."""
    if not file.exists():
        return
    lines = file.read_text().splitlines(keepends=True)[: epochs + 1 if epochs else 0]
    with written_beside(file) as beside:
        beside.write_text("".join(lines))
