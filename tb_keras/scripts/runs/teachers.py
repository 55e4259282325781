"""The runs whose networks teach another run's network."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
from absl import flags

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import encoded
from tb_keras.training import Recipe, teacher_embeddings

_TEACHER = flags.DEFINE_list(
    "teacher",
    [],
    "Embedding network for retrieval: run, or several, whose embedding networks of all seeds "
    "teach: beside the labels, the network learns the mean of their scores.",
)
_SOURCES = ("image_features", "dataset", "data", "dataset_options")
"""The settings that say where features come from that a data set brings."""


def teachers_named() -> list[str] | None:
    """Returns the directories of the runs that the flag names, if there are any.

    Raises:
        FileNotFoundError: if there is no such run.
        ValueError: if it has no embedding network, or is not for retrieval.
    """
    directories = list(map(os.path.abspath, _TEACHER.value))
    for directory in directories:
        run = Run(directory)
        task = run.settings["task"]
        if task != "retrieval" or "embedding" not in run.networks():
            raise ValueError(
                "--teacher must name runs with an embedding network for retrieval. "
                f"Received: {directory!r}, with {', '.join(run.networks())} for {task}"
            )
    return directories or None


def check_taught(settings: Mapping[str, Any], recipes: Sequence[Recipe]) -> None:
    """Checks that networks can learn from the teachers that a run's settings name.

    Raises:
        ValueError: if one is no embedding network for retrieval, or the training split is read from
            files.
    """
    networks = ",".join(recipe.network for recipe in recipes)
    task, shards = settings["task"], settings["train_shards"]
    if settings["teacher"] and (networks != "embedding" or task != "retrieval" or shards):
        raise ValueError(
            "--teacher is for --task=retrieval and --network=embedding without --train_shards. "
            f"Received: --task={task}, --network={networks}, --train_shards={shards}"
        )


def check_features(settings: Mapping[str, Any], train: Corpus) -> None:
    """Checks that the teachers can encode a loaded training split, or were trained on its features.

    Raises:
        ValueError: if they cannot.
    """
    for run in map(Run, settings["teacher"] or ()):
        theirs = run.settings
        same = all(theirs.get(name) == settings.get(name) for name in _SOURCES)
        for view in ("image", "text"):
            brought = getattr(train, f"{view}_features") is not None
            encodes = theirs[f"{view}_encoder"] is not None
            if brought and (encodes or not same):
                raise ValueError(
                    f"--teacher must have been trained on the {view} features of this data set. "
                    f"Received: {str(run.directory)!r}"
                )
            if not brought and not encodes:
                raise ValueError(
                    f"--teacher must have an encoder of {view}s. Received: {str(run.directory)!r}, "
                    "which was trained on features of another origin"
                )


def taught(settings: Mapping[str, Any], train: Corpus) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns what the teachers say of a training split, or None if there is no teacher.

    Args:
        settings: of the run that is taught.
        train: the split as it was loaded.
    """
    directories = settings["teacher"]
    return teacher_embeddings(_networks(directories, train)) if directories else None


def _networks(
    directories: Sequence[str], train: Corpus
) -> Iterator[tuple[EmbeddingNetwork, Corpus]]:
    for run in map(Run, directories):
        seeds = [result["seed"] for result in run.results("embedding")]
        print(f"teacher {run.name}, seeds {', '.join(map(str, seeds))}", flush=True)
        corpus = encoded(run, train, "train")
        for seed in seeds:
            yield cast(EmbeddingNetwork, run.network("embedding", seed)), corpus
