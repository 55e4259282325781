"""One training by any of the methods: from settings to functions that embed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from benchmarks.peers.accuracy.best_epoch import BestEpoch
from benchmarks.peers.accuracy.scikit_learn_cca import ScikitLearnCCA
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.baselines.kernel_cca_baseline import KernelCCABaseline
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import RidgeBaseline
from tb_keras.losses import InfoNCE, PairwiseSigmoid
from tb_keras.training.loss_attachment import attach_losses
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe

_CLOSED_FORM = {
    "ridge": RidgeBaseline,
    "cca": ScikitLearnCCA,
    "regularized_cca": RegularizedCCABaseline,
    "kernel_cca": KernelCCABaseline,
}
_CONTRASTIVE = {"info_nce": InfoNCE, "sigmoid": PairwiseSigmoid}


class Trained(NamedTuple):
    """What a training gave, after its last step.

    Attributes:
        embed_images: from features `(n, image_dim)` to embeddings `(n, dim)`.
        embed_texts: from features `(m, text_dim)` to embeddings `(m, dim)`.
        seconds: of the training.
        steps: how many it took; 0 for a baseline in closed form.
        planned_steps: how many it would have taken, had the seconds sufficed.
    """

    embed_images: Callable[[np.ndarray], np.ndarray]
    embed_texts: Callable[[np.ndarray], np.ndarray]
    seconds: float
    steps: int
    planned_steps: int


def trained(
    train: Corpus, validation: Corpus, settings: dict, seed: int, seconds: float
) -> Trained:
    """Trains by one of the methods.

    Args:
        train: with both features.
        validation: on which the baselines choose their strength, a start from canonical correlation
            analysis one of two, and networks their best epoch, where their recipe keeps that.
        settings: as `Method.settings` returns them.
        seed: of the weights, the dropout and the order of the batches.
        seconds: after which a training ends, if it has not before.
    """
    how = settings["trained_by"]
    if how in _CLOSED_FORM:
        started = time.monotonic()
        baseline = _CLOSED_FORM[how](train, validation)
        took = time.monotonic() - started
        return Trained(baseline.embed_images, baseline.embed_texts, took, 0, 0)
    fields = settings["recipe"]
    recipe = Recipe(**fields)
    if how == "keras":
        return _trained_in_keras(train, validation, recipe, settings["loss"], seed, seconds)
    from benchmarks.peers.pytorch import methods as torch_methods

    if how == "triplets":
        loss, texts_per_image = torch_methods.triplet_loss(**settings["loss"]), None
    else:
        loss, texts_per_image = torch_methods.multiple_negatives_loss(**settings["loss"]), 1
    return Trained(
        *torch_methods.torch_trained(
            train, validation, recipe, loss, texts_per_image, seed, seconds
        )
    )


def _trained_in_keras(
    train: Corpus, validation: Corpus, recipe: Recipe, loss: dict, seed: int, seconds: float
) -> Trained:
    clock = _Clock(seconds)  # what a network starts from is a part of its training
    network, model, batches = from_recipe(train, recipe, seed, validation=validation)
    if loss:  # what a recipe does not say of its loss
        optimizer = model.optimizer
        model = attach_losses(network, _CONTRASTIVE[recipe.loss](**loss))
        model.compile(optimizer)
    best = BestEpoch(validation, network.embed_images, network.embed_texts, network.get_weights)
    callbacks: list[keras.callbacks.Callback] = [clock]
    if recipe.kept_epoch == "best":
        callbacks.append(
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: best.look())
        )
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0, callbacks=callbacks)
    if best.best is not None:
        network.set_weights(best.best)
    planned = recipe.epochs * int(batches(0).cardinality())
    return Trained(network.embed_images, network.embed_texts, clock.took, clock.steps, planned)


class _Clock(keras.callbacks.Callback):
    """Counts the steps, and ends the training after some seconds."""

    def __init__(self, seconds: float):
        super().__init__()
        self.seconds, self.steps, self.took = seconds, 0, 0.0
        self.started = time.monotonic()

    def on_train_batch_end(self, batch, logs=None):
        self.steps += 1
        if time.monotonic() - self.started > self.seconds:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.took = time.monotonic() - self.started
