"""Builds a network, a compiled model and its batches from a recipe and a corpus."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.text.word_encoder import redrawn
from tb_keras.losses import (
    BidirectionalRanking,
    Distillation,
    InfoNCE,
    Matryoshka,
    PairwiseLogistic,
    PairwiseSigmoid,
)
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork, TwoBranchNetwork
from tb_keras.networks.two_branch_network import embedded
from tb_keras.training.fitted_starts import canonical_starts
from tb_keras.training.fused_adam import FusedAdam
from tb_keras.training.loss_attachment import attach_losses
from tb_keras.training.low_rank import train_low_rank
from tb_keras.training.recipes.recipe import Recipe
from tb_keras.training.recipes.recipe_batches import corpus_batches, shard_batches
from tb_keras.training.shared_space import Starts, identity_starts, shared_space_starts

_ROWS = 256  # that go through an encoder at a time


class Training(NamedTuple):
    """What `fit` needs.

    Attributes:
        network: the network to train; it has its starts, or standardises its features.
        model: the same with its losses, compiled.
        batches: a function from the number of epochs done to the data set of the remaining ones.
    """

    network: TwoBranchNetwork
    model: keras.Model
    batches: Callable


def from_recipe(
    train: Corpus,
    recipe: Recipe,
    seed: int = 0,
    text_encoder: keras.Model | None = None,
    validation: Corpus | None = None,
    initial: TwoBranchNetwork | None = None,
    image_encoder: keras.Model | None = None,
    strategy: tf.distribute.Strategy | None = None,
    shards: str | os.PathLike | None = None,
    teacher: tuple[np.ndarray, np.ndarray] | None = None,
) -> Training:
    """Builds the network, the compiled model and the batches that a recipe describes.

    Starts need features of both views, so they are left out where the texts are word indices. With
    them the embeddings may have another size than the recipe says; see `canonical_starts` and
    `shared_space_starts`.

    Args:
        train: corpus with both features; with a grounding, its batches are of regions and phrases.
        recipe: the settings, for an embedding or a similarity network.
        seed: int, for the weights, the dropout and the order of the batches. It becomes Keras's
            global seed.
        text_encoder: the first part of the text branch, which is trained with the network: from
            `tb_keras.encoders.word_encoder`, if the texts' features are word indices; it is copied,
            and its weights are drawn anew by the seed. Any other one keeps its weights.
        validation: corpus with both features, by which `canonical_starts` and `shared_space_starts`
            choose.
        initial: a network of the recipe's kind that is trained further, with its own encoders,
            instead of a new one.
        image_encoder: the first part of the image branch, such as the upper part of an image
            encoder, if the images' features are what it takes. It is copied.
        strategy: from `replica_strategy`. The model is then a `ReplicatedTraining` of a copy of the
            network. The network itself gets the copy's weights as an epoch ends.
        shards: directory of `tb_keras.batching.write_shards`, from which the batches are read.
            `train` is then a sample of it, to which starts and the standardisation are fitted.
        teacher: from `tb_keras.training.teacher_embeddings`, for an embedding network that learns
            from their scores beside the labels.

    Raises:
        ValueError: if features are missing, there are word indices without their encoder, or the
            other way round, a setting is out of range or does not go with `shards`, a batch cannot
            be dealt to the replicas, or there is a teacher with shards or for another network or
            task.

    Examples:
        >>> import numpy as np
        >>> corpus = Corpus(np.arange(9), image_features=np.eye(9), text_features=np.eye(9))
        >>> training = from_recipe(corpus, Recipe(hidden_dim=8, embedding_dim=4))
        >>> history = training.model.fit(training.batches(0), epochs=2, shuffle=False, verbose=0)
    """
    if train.image_features is None or train.text_features is None:
        raise ValueError(f"`train` must have image_features and text_features. Received: {train}")
    words = initial.text_encoder if initial else text_encoder
    takes_words = words is not None and words.input.dtype == "int32"
    if (train.text_features.dtype.kind in "iu") != takes_words:
        raise ValueError(
            "`text_encoder` must take word indices if the text features are such, and only then. "
            f"Received: text_encoder={words!r}, train={train}"
        )
    keras.utils.set_random_seed(seed)
    encoders = {"image_encoder": image_encoder, "text_encoder": text_encoder}
    network = initial or _network(train, recipe, encoders, validation)
    if strategy is not None and recipe.lora_rank:
        raise ValueError(
            f"`lora_rank` must be 0 with several replicas. Received: {recipe.lora_rank}"
        )
    if teacher is not None and (shards is not None or recipe.network != "embedding"):
        raise ValueError(
            "`teacher` must be None unless an embedding network is trained without shards. "
            f"Received: network={recipe.network}, shards={shards}"
        )
    replicas = 1 if strategy is None else strategy.num_replicas_in_sync
    if shards is not None:
        batches, positives = shard_batches(shards, recipe, seed, replicas)
    else:
        batches, positives = corpus_batches(
            train, recipe, seed, network, guarded=bool(initial), replicas=replicas, teacher=teacher
        )
    steps = int(batches(0).cardinality())
    settings = recipe, seed, positives, steps, teacher is not None
    if strategy is None:
        return Training(network, _model(network, *settings), batches)
    with strategy.scope():
        copy = type(network).from_config(network.get_config())
        _copy_variables(network, copy)
        model = _model(copy, *settings)
    model.hand_over = functools.partial(_copy_variables, copy, network)
    return Training(network, model, batches)


def _copy_variables(source: TwoBranchNetwork, target: TwoBranchNetwork) -> None:
    """Copies the weights and the random states."""
    for ours, theirs in zip(target.variables, source.variables, strict=True):
        ours.assign(theirs.numpy())


def _model(
    network: TwoBranchNetwork,
    recipe: Recipe,
    seed: int,
    positives: int,
    steps_per_epoch: int,
    taught: bool,
) -> keras.Model:
    """Returns the network with its losses, compiled."""
    trained = network.image_encoder, network.text_encoder
    if recipe.lora_rank:
        _train_low_rank(trained, recipe.lora_rank)
    if recipe.network == "similarity":
        settings = recipe.logistic_settings()
        loss = PairwiseLogistic(network.fusion, positives_per_text=positives, seed=seed, **settings)
    elif recipe.loss == "info_nce":
        loss = InfoNCE()
    elif recipe.loss == "sigmoid":
        loss = PairwiseSigmoid()
    else:
        block_rows = recipe.gradient_cache_rows or None
        loss = BidirectionalRanking(**recipe.ranking_settings(), block_rows=block_rows)
    if recipe.matryoshka_dims and recipe.network == "embedding":
        loss = Matryoshka(loss, recipe.matryoshka_dims)
    if taught:
        loss = Distillation(loss, recipe.teacher_weight, recipe.teacher_temperature)
    model = attach_losses(network, loss, gradient_cache_rows=recipe.gradient_cache_rows or None)
    optimizer = FusedAdam(
        _schedule(recipe, steps_per_epoch),
        weight_decay=recipe.weight_decay or None,
        global_clipnorm=recipe.clip_norm or None,
    )
    for encoder, rate in zip(trained, (recipe.image_encoder_rate, recipe.text_encoder_rate)):
        if encoder is not None:
            optimizer.scale_learning_rate(encoder.trainable_variables, rate)
    model.compile(optimizer)
    return model


def _network(
    train: Corpus,
    recipe: Recipe,
    encoders: Mapping[str, keras.Model | None],
    validation: Corpus | None,
) -> TwoBranchNetwork:
    build = {"embedding": EmbeddingNetwork, "similarity": SimilarityNetwork}[recipe.network]
    dims = train.image_features.shape[1], train.text_features.shape[1]
    settings = recipe.network_settings()
    trained = {name: redrawn(encoder) for name, encoder in encoders.items() if encoder}
    if recipe.start != "random" and train.text_features.dtype.kind == "f":
        dim = settings.pop("embedding_dim")  # the starts have theirs
        held_out = None if validation is None else _encoded(validation, trained)
        starts = _starts(_encoded(train, trained), held_out, recipe, dim)
        settings["image_start"], settings["text_start"] = starts
    settings |= trained
    network = build(*dims, **settings)
    network.standardize(train.image_features, train.text_features)
    return network


def _train_low_rank(encoders: Sequence[keras.Model | None], rank: int) -> None:
    if encoders == (None, None):
        raise ValueError(
            f"`lora_rank` must be 0 unless an encoder is trained. Received: lora_rank={rank}"
        )
    for encoder in encoders:
        if encoder is not None:
            train_low_rank(encoder, rank)


def _encoded(corpus: Corpus, encoders: Mapping[str, keras.Model]) -> Corpus:
    """Returns a corpus with the features that the encoders give before they are trained."""
    features = {}
    for view in ("image", "text"):
        if encoder := encoders.get(f"{view}_encoder"):
            name = f"{view}_features"
            features[name] = embedded(encoder, getattr(corpus, name), batch_size=_ROWS)
    return corpus.replace(**features)


def _starts(train: Corpus, validation: Corpus | None, recipe: Recipe, dim: int) -> Starts:
    if recipe.start == "identity":
        return identity_starts(train)
    fitted = {"canonical": canonical_starts, "shared": shared_space_starts}[recipe.start]
    return fitted(train, validation, dim, recipe.landmarks)


def _schedule(recipe: Recipe, steps_per_epoch: int):
    schedules = keras.optimizers.schedules
    if not recipe.learning_rate_decay:
        warm_up = round(steps_per_epoch * recipe.warm_up)
        falling = steps_per_epoch * recipe.epochs - warm_up
        if not warm_up:
            return schedules.CosineDecay(recipe.learning_rate, falling)
        return schedules.CosineDecay(
            0.0, falling, warmup_target=recipe.learning_rate, warmup_steps=warm_up
        )
    return schedules.ExponentialDecay(
        recipe.learning_rate, steps_per_epoch, recipe.learning_rate_decay, staircase=True
    )
