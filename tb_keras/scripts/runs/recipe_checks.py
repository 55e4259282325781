"""Checks of a run's recipes, before anything is encoded or written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tb_keras.training.recipes.recipe import Recipe

if TYPE_CHECKING:
    import tensorflow as tf


def check_recipes(
    recipes: Sequence[Recipe],
    trains_encoders: bool,
    shards: str | None,
    strategy: tf.distribute.Strategy | None,
) -> None:
    """Checks that networks can be trained as a run's flags say.

    Args:
        recipes: of the run's networks.
        trains_encoders: whether an encoder, or a part of one, is trained with the networks.
        shards: the directory that the training split is read from, if there is one.
        strategy: of several replicas, if there are several.

    Raises:
        ValueError: if they cannot.
    """
    for recipe in recipes:
        if recipe.network == "cca" and (trains_encoders or shards):
            other = "--train_shards" if shards else "an encoder that is trained"
            raise ValueError(
                "--network=cca is fitted in closed form, to features in memory or on disk. "
                f"Received: {other}"
            )
        if recipe.mined_images and shards:
            raise ValueError(
                f"--mined_images must be 0 with --train_shards. Received: {recipe.mined_images}"
            )
        if recipe.lora_rank and (not trains_encoders or strategy is not None):
            where = "without --replicas" if trains_encoders else "with an encoder that is trained"
            raise ValueError(f"--lora_rank goes {where}. Received: {recipe.lora_rank}")
