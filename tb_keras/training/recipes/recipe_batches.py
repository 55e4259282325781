"""The batches that a recipe describes."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from tb_keras.batching import neighborhood_batches, region_batches, sharded_batches
from tb_keras.batching.shards.shard_description import read_description
from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import TwoBranchNetwork
from tb_keras.training.confused_images import ConfusedImages
from tb_keras.training.recipes.recipe import Recipe


def corpus_batches(
    train: Corpus,
    recipe: Recipe,
    seed: int,
    network: TwoBranchNetwork,
    guarded: bool,
    replicas: int,
    teacher: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[Callable, int]:
    """Returns the batches from an epoch on, and the most positives that a text has in them.

    Args:
        train: corpus with both features.
        recipe: the settings.
        seed: of the order.
        network: the network that is trained; it finds the images to mine.
        guarded: whether it knows already what may match.
        replicas: among so many a batch is dealt.
        teacher: embeddings that come with each batch, for retrieval.

    Raises:
        ValueError: if a batch cannot be dealt to the replicas, or a teacher is given to localize.
    """
    if train.grounding is not None:
        if teacher is not None:
            raise ValueError("`teacher` must be None for localization")
        settings = recipe.region_settings()
        matched = train.grounding.phrase_pictures[train.matches.images_per_text() > 0]
        usable = len(np.unique(matched))
        settings["pictures_per_batch"] = _dealt_evenly(
            "pictures_per_batch", settings["pictures_per_batch"], max(1, usable), replicas
        )

        def of_regions(epochs_done: int):
            return region_batches(train, **settings, seed=seed, first_epoch=epochs_done)

        return of_regions, recipe.regions_per_phrase
    texts = train.matches.texts_per_image()
    usable = int(np.count_nonzero(texts))
    images_per_batch = _dealt_evenly("images_per_batch", recipe.images_per_batch, usable, replicas)
    texts_per_image = min(recipe.texts_per_image, int(texts.max()))

    mined = min(recipe.mined_images, images_per_batch - 1)
    confused = None
    if mined:
        # A network of random weights does not know what may match.
        guarded = guarded or network.image_start is not None
        confused = ConfusedImages(network, train, guarded=guarded)

    def batches(epochs_done: int):
        return neighborhood_batches(
            train,
            images_per_batch,
            texts_per_image,
            seed=seed,
            first_epoch=epochs_done,
            mined_images=mined,
            confused=confused,
            teacher=teacher,
        )

    return batches, 1


def shard_batches(
    directory: str | os.PathLike, recipe: Recipe, seed: int, replicas: int
) -> tuple[Callable, int]:
    """Returns the same as `corpus_batches`, of the files of `write_shards`.

    Raises:
        ValueError: if the recipe mines images, or a batch cannot be dealt to the replicas.
    """
    if recipe.mined_images:
        raise ValueError(f"`mined_images` must be 0 with `shards`. Received: {recipe.mined_images}")
    found = read_description(directory)
    images_per_batch = _dealt_evenly(
        "images_per_batch", recipe.images_per_batch, found["images"], replicas
    )
    texts_per_image = min(recipe.texts_per_image, found["most_texts"])

    def batches(epochs_done: int):
        return sharded_batches(
            directory, images_per_batch, texts_per_image, seed=seed, first_epoch=epochs_done
        )

    return batches, 1


def _dealt_evenly(setting: str, count: int, usable: int, replicas: int) -> int:
    """Returns how many images a batch has: a multiple of the replicas, and no more than usable."""
    if replicas > 1 and (count % replicas or usable < replicas):
        raise ValueError(
            f"`{setting}` must be a multiple of the replicas, {replicas}, and the images no fewer. "
            f"Received: {setting}={count}, {usable} images with a text"
        )
    return min(count, usable - usable % replicas)
