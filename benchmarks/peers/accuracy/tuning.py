"""Settings by random trials on the validation split, as many for every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from benchmarks.peers.accuracy.jobs import Job
from benchmarks.peers.accuracy.methods import Method


class Chosen(NamedTuple):
    """The settings of a method on a corpus.

    Attributes:
        trial: the number of the trial; None where nothing was tuned.
        settings: as `Method.settings` returns them.
        validation: the `rsum` of each trial.
    """

    trial: int | None
    settings: dict
    validation: list[float]


def chosen_settings(
    methods: Mapping[str, Method],
    epochs: Mapping[str, int],
    trials: int,
    seconds: float,
    run: Callable[[Sequence[Job]], list[dict]],
) -> dict[tuple[str, str], Chosen]:
    """Tries settings of every method that is tuned, on every corpus; others stay as they are.

    Trial 0 is what a method starts from. In the others the learning rate, the sizes and so on are
    drawn the same for all methods, and what belongs to the loss besides. The best is that with the
    highest `rsum` on the validation split, each at its best epoch.

    Args:
        methods: by name.
        epochs: by corpus.
        trials: how many for each method.
        seconds: after which a training ends, if it has not before.
        run: from jobs to their figures.

    Returns:
        By corpus and method.
    """
    jobs = [
        Job(corpus, name, "validation", trial, method.settings(trial, count), 0, seconds)
        for corpus, count in epochs.items()
        for trial in range(trials)
        for name, method in methods.items()
        if method.tuned
    ]
    tried: dict[tuple[str, str], list[tuple[float, Job]]] = {}
    for job, figures in zip(jobs, run(jobs)):
        tried.setdefault((job.corpus, job.method), []).append((figures["rsum"], job))
    chosen = {
        (corpus, name): Chosen(None, method.settings(0, count), [])
        for corpus, count in epochs.items()
        for name, method in methods.items()
        if not method.tuned
    }
    for key, found in tried.items():
        _, best = max(found, key=lambda pair: pair[0])  # of equal ones the first
        chosen[key] = Chosen(best.number, best.settings, [rsum for rsum, _ in found])
    return chosen
