"""A run whose network another run begins with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tb_keras.scripts.runs.run import Run
from tb_keras.training.recipes.recipe import Recipe

_OF_ENCODERS = (
    "task",
    "image_encoder",
    "crops",
    "text_encoder",
    "max_tokens",
    "word_vectors",
    "regions",
)
_OF_NETWORK = "network hidden_dim embedding_dim joint_dims dropout noise dtype start landmarks"


def initial_flags(run: Run) -> dict[str, Any]:
    """Returns the data settings that follow from the run to begin with: its task and encoders."""
    settings = run.settings
    return {name: settings[name] for name in _OF_ENCODERS if settings.get(name) is not None}


def initial_recipe(run: Run, network: str, changes: Mapping[str, Any]) -> Recipe:
    """Returns the recipe that a network was trained by, with some settings changed.

    Raises:
        ValueError: if the run has no such network, it has no epochs to go on with, or a change is
            of the network itself.
    """
    if network not in run.networks() or network == "cca":
        raise ValueError(
            f"--init_from={run.directory} has no {network} network whose training could go on. "
            f"Received: --network={network}"
        )
    before = Recipe(**run.settings["recipes"][network])
    for name in _OF_NETWORK.split():
        if name in changes and changes[name] != getattr(before, name):
            raise ValueError(
                f"--{name} must be {getattr(before, name)!r}, that of --init_from={run.directory}, "
                f"or left out. Received: --{name}={changes[name]}"
            )
    return dataclasses.replace(before, **changes)


def check_initial(run: Run, settings: Mapping[str, Any]) -> None:
    """Checks that the features of a run are those that the network to begin with has seen.

    Raises:
        ValueError: if an encoder differs.
    """
    before = run.settings
    for name in _OF_ENCODERS:
        if before.get(name) != settings.get(name):
            raise ValueError(
                f"{name} must be {before.get(name)!r}, that of --init_from={run.directory}. "
                f"Received: {settings.get(name)!r}"
            )
