"""The runs whose networks teach another run's network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

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


def teachers_named() -> list[str]:
    """Returns the directories of the runs that the flag names.

    Raises:
        FileNotFoundError: if there is no such run.
        ValueError: if it has no embedding network, or is not for retrieval.
    """
    for directory in _TEACHER.value:
        run = Run(directory)
        task = run.settings["task"]
        if task != "retrieval" or "embedding" not in run.networks():
            raise ValueError(
                "--teacher must name runs with an embedding network for retrieval. "
                f"Received: {directory!r}, with {', '.join(run.networks())} for {task}"
            )
    return [str(Path(directory).resolve()) for directory in _TEACHER.value]


def check_taught(recipes: Sequence[Recipe], shards: str | None) -> None:
    """Checks that networks can learn from a teacher.

    Raises:
        ValueError: if one is no embedding network, or the training split is read from files.
    """
    if shards or any(recipe.network != "embedding" for recipe in recipes):
        raise ValueError(
            "--teacher is for --network=embedding without --train_shards. "
            f"Received: --network={','.join(recipe.network for recipe in recipes)}, "
            f"--train_shards={shards}"
        )


def taught(directories: Sequence[str], train: Corpus) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns what the runs' networks say of a training split, or None if there is no run.

    Args:
        directories: of the runs.
        train: the split, with pictures and strings, or the features that the runs have.
    """
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
