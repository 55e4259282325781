"""Trainings that are measured by workers of one thread each, and kept as they come."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.machine import machine
from benchmarks.peers.workers import shared_out

_FIGURES = [f"{direction}_recall@{k}" for direction in ("i2t", "t2i") for k in (1, 5, 10)]


@dataclasses.dataclass(frozen=True)
class Job:
    """One training and the measurement of what it gave.

    Args:
        corpus: its name.
        method: its name.
        held_out: the split to measure on: "validation" while settings are chosen, then "test".
        number: of the trial, or the seed of the training.
        settings: as `Method.settings` returns them.
        seed: of the training.
        seconds: after which it ends, if it has not before.
    """

    corpus: str
    method: str
    held_out: str
    number: int
    settings: dict
    seed: int
    seconds: float

    def key(self) -> str:
        """Returns a name that only equal jobs share."""
        whole = json.dumps(dataclasses.asdict(self), sort_keys=True)
        what = "seed" if self.held_out == "test" else "trial"
        digest = hashlib.sha256(whole.encode()).hexdigest()[:12]
        return f"{self.corpus}, {self.method}, {what} {self.number} ({digest})"


def run_jobs(
    jobs: Sequence[Job], file: Path, directories: dict[str, Path], workers: int
) -> list[dict]:
    """Runs the jobs that have not been run before; prints a line for each.

    Args:
        jobs: what to do.
        file: holds a JSON line for each job done; what is in it is not done again.
        directories: by corpus, of the directories of its splits.
        workers: how many processes of one thread each; 0 for this process alone.

    Returns:
        The figures of each job: recalls and `rsum` in percent, `seconds` of the training, `steps`
        it took and whether it was `ended` by the seconds; the `machine`; on the test split `hits`,
        see `tb_keras.evaluation.retrieval_hits`.
    """
    arguments = {job.key(): (job, directories[job.corpus]) for job in jobs}
    measured = shared_out(file, done_job, arguments, workers)
    return [measured[job.key()] for job in jobs]


def done_job(job: Job, directory: Path) -> dict:
    """Trains, and returns the figures on the job's split."""
    import keras

    from benchmarks.peers.accuracy.training import trained
    from tb_keras.corpus.corpus import Corpus
    from tb_keras.evaluation import retrieval_hits, retrieval_metrics

    keras.backend.clear_session()
    train, validation = (Corpus.load(directory / split) for split in ("train", "validation"))
    fitted = trained(train, validation, job.settings, job.seed, job.seconds)
    held_out = validation if job.held_out == "validation" else Corpus.load(directory / "test")
    embeddings = (
        fitted.embed_images(held_out.image_features),
        fitted.embed_texts(held_out.text_features),
    )
    if not all(np.isfinite(part).all() for part in embeddings):  # the training diverged
        embeddings = [np.zeros_like(part) for part in embeddings]  # all tie: no hit
    figures = retrieval_metrics(*embeddings, held_out.matches)
    result = {name: round(float(figures[name]), 3) for name in (*_FIGURES, "rsum")}
    result |= {
        "seconds": round(fitted.seconds, 2),
        "steps": fitted.steps,
        "ended": fitted.steps < fitted.planned_steps,
        "machine": machine(),
    }
    if job.held_out == "test":
        result["hits"] = retrieval_hits(*embeddings, held_out.matches).tolist()
    return result
