"""The difference between the figures of two runs, and how far it depends on the pictures."""

from __future__ import annotations

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import MetricsTable, paired_difference
from tb_keras.scripts.runs.data_digest import data_digest
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import encoded, load_corpus
from tb_keras.training.metrics import embedded_corpus, embedding_hits

_COLUMNS = {"difference": "difference", "error": "±", "low": "95% from", "high": "to"}


def compared_run(run: Run, directory: str) -> Run:
    """Returns the run to compare with.

    Raises:
        FileNotFoundError: if there is no such run, or nothing is trained.
        ValueError: if it is for another task.
    """
    other = Run(directory)
    tasks = run.settings["task"], other.settings["task"]  # an error where there is no such run
    if tasks[0] != tasks[1]:
        raise ValueError(f"--compare must name a run of {tasks[0]}. Received: one of {tasks[1]}")
    other.networks()
    return other


def comparison_table(run: Run, other: Run, corpus: Corpus, split: str) -> MetricsTable:
    """Returns the difference of rsum or, to localize phrases, of R@1 between two runs.

    Networks of one kind are compared, or the first of each run if they have none in common. Figures
    are means over all seeds.

    Args:
        run: with at least one network trained.
        other: from `compared_run`.
        corpus: the split of `run`, with features.
        split: its name.

    Raises:
        ValueError: if that split of the other run has other pictures, texts or matches.
    """
    theirs = load_corpus(other.settings, split)
    _check_same(load_corpus(run.settings, split), theirs, str(other.directory))
    theirs = encoded(other, theirs, split)
    kinds = [(kind, kind) for kind in run.networks() if kind in other.networks()]
    rows = {}
    for kind, their_kind in kinds or [(run.networks()[0], other.networks()[0])]:
        ours = _hits(run, kind, corpus), _hits(other, their_kind, theirs)
        name = f"{kind} - {their_kind} of {other.directory}"
        rows[name] = paired_difference(*ours)._asdict()
    figure = "rsum" if corpus.grounding is None else "R@1"
    title = f"Difference of {figure}, paired over the pictures of split {split}"
    return MetricsTable(rows, _COLUMNS, title)


def _hits(run: Run, kind: str, corpus: Corpus) -> list[np.ndarray]:
    """Returns the hits of the network of each seed."""
    hits = []
    for result in run.results(kind):
        network = run.network(kind, result["seed"])
        hits.append(embedding_hits(network, embedded_corpus(network, corpus)))
    return hits


def _check_same(ours: Corpus, theirs: Corpus, directory: str) -> None:
    digests = [data_digest(corpus)["digests"] for corpus in (ours, theirs)]
    names = ("pictures", "texts", "matches")
    other = [n for n in names if len({d[n] for d in digests if n in d}) > 1]
    if other or ours.matches.num_images != theirs.matches.num_images:
        raise ValueError(
            f"--compare must name a run with the same split. Received: {directory!r}, whose split "
            f"has other {', '.join(other) or 'pictures'}"
        )
