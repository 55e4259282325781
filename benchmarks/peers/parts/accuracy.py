"""Accuracy beside other losses, other packages and baselines in closed form, each tuned alike."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.peers.accuracy.corpora import corpus_directory, prepare_corpora
from benchmarks.peers.accuracy.jobs import Job, run_jobs
from benchmarks.peers.accuracy.methods import DEFAULT, FROM_RANDOM, METHODS, PEERS
from benchmarks.peers.accuracy.table import accuracy_section, better_than
from benchmarks.peers.accuracy.tuning import chosen_settings
from benchmarks.peers.in_turn import in_process
from tb_keras.evaluation import paired_difference
from tb_keras.training.recipes.named_recipes import RECIPES

FULL = {
    "corpora": ("openmoji", "openmoji_languages", "scenes", "fluent_emoji"),
    "methods": tuple(METHODS),
    "trials": 5,
    "steps": 200,
    "seconds": 60.0,
    "workers": None,
}
SMALL = {
    "corpora": ("latent",),
    "methods": (DEFAULT, "InfoNCE, tuned", *PEERS, "ridge regression"),
    "trials": 1,
    "steps": 2,
    "seconds": 30.0,
    "workers": 0,
}


def measure(
    file: Path,
    repetitions: int,
    corpora: Sequence[str],
    trials: int,
    steps: int,
    seconds: float,
    methods: Sequence[str],
    workers: int | None,
    fluent_emoji: str | None = None,
) -> dict:
    """Tunes every method on each corpus, then trains it with several seeds and measures it.

    Each training done is kept with all its settings in a line of the `.jsonl` beside `file`, so
    that what was killed goes on, and what has the same settings is not trained again. The test
    splits are looked at once, when all tuning is done.

    Args:
        file: the part's file.
        repetitions: seeds.
        corpora: names that `prepare_corpora` takes. Those that the environment variable
            TB_KERAS_CORPORA names, with commas between them, are measured in their place.
        trials: settings tried for each tuned method, those to start from among them.
        steps: of batches of the default's size, from which follow the epochs that all methods may
            take, at least ten; see `Method.settings`.
        seconds: after which a training ends, if it has not before.
        methods: which, the default among them; those whose packages are not installed are left out.
        workers: processes of one thread each; as many as cores if None, 0 for this process.
        fluent_emoji: file of the corpus of that name; what TB_KERAS_FLUENT_EMOJI says if left out.
    """
    workers = (os.cpu_count() or 1) if workers is None else workers
    if os.environ.get("TB_KERAS_CORPORA"):
        corpora = os.environ["TB_KERAS_CORPORA"].split(",")
    fluent_emoji = fluent_emoji or os.environ.get("TB_KERAS_FLUENT_EMOJI")
    missing = {name: METHODS[name].missing() for name in methods if METHODS[name].missing()}
    methods = {name: METHODS[name] for name in methods if name not in missing}
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=file.parent, prefix="corpora-") as folder:
        arguments = corpora, Path(folder), fluent_emoji and Path(fluent_emoji)
        sizes = in_process(prepare_corpora, *arguments) if workers else prepare_corpora(*arguments)
        epochs = {corpus: _epochs(size["train"][1], steps) for corpus, size in sizes.items()}
        run = functools.partial(
            run_jobs,
            file=file.with_suffix(".jsonl"),
            directories={corpus: corpus_directory(corpus, Path(folder)) for corpus in sizes},
            workers=workers,
        )
        chosen = chosen_settings(methods, epochs, trials, seconds, run)
        jobs = [
            Job(corpus, name, "test", seed, chosen[corpus, name].settings, seed, seconds)
            for corpus in sizes
            for seed in range(repetitions)
            for name, method in methods.items()
            if not (seed and method.origin == "closed form")  # nothing in them is random
        ]
        found = run(jobs)
    tables = {
        corpus: {"sizes": sizes[corpus], "epochs": epochs[corpus], "methods": {}}
        for corpus in sizes
    }
    rows: dict[tuple[str, str], list[dict]] = {}
    for job, row in zip(jobs, found):
        rows.setdefault((job.corpus, job.method), []).append(row)
    for (corpus, name), choice in chosen.items():
        own, default = rows[corpus, name], rows[corpus, DEFAULT]
        figures = [figure for figure in own[0] if figure not in ("machine", "hits")]
        tables[corpus]["methods"][name] = {
            "figures": {figure: [row[figure] for row in own] for figure in figures},
            "machines": sorted({row["machine"] for row in own}),
            "beyond_default": _beyond(own, default),
            **choice._asdict(),
        }
    return {
        "seeds": repetitions,
        "trials": trials,
        "seconds": seconds,
        "corpora": tables,
        "absent_corpora": [corpus for corpus in corpora if corpus not in sizes],
        "not_installed": missing,
    }


def section(figures: dict) -> str:
    """Returns a table for each corpus, as Markdown."""
    return accuracy_section(figures, list(METHODS), DEFAULT)


def losing(figures: dict) -> list[str]:
    """Returns where the default is a deviation behind another loss, a peer or a baseline.

    The peers start from random weights, so they are held against this package from these, too.
    """
    sentences = []
    for corpus, table in figures["corpora"].items():
        others = [name for name in table["methods"] if METHODS[name].origin != "package"]
        for own, told, rivals in (
            (DEFAULT, "the package's default", others),
            (FROM_RANDOM, "this package from random weights", [p for p in PEERS if p in others]),
        ):
            if own not in table["methods"]:
                continue
            better = better_than(table["methods"], own, rivals)
            if better:
                sentences.append(
                    f"On {corpus}, {told} is behind by more than one standard deviation of rsum: "
                    f"{'; '.join(f'{name} ({both})' for name, both in better.items())}."
                )
    return sentences


def _beyond(rows: Sequence[Mapping], others: Sequence[Mapping]) -> tuple[float, float | None]:
    """The difference in mean rsum, and its standard error over test pictures."""
    difference = float(np.mean([r["rsum"] for r in rows]) - np.mean([r["rsum"] for r in others]))
    if not all("hits" in row for row in (*rows, *others)):  # kept before hits were
        return difference, None
    hits = [[row["hits"] for row in each] for each in (rows, others)]
    return difference, paired_difference(*hits).error


def _epochs(train_texts: int, steps: int) -> int:
    """How many epochs make about so many of the default's steps, but at least ten."""
    default = RECIPES["retrieval", "embedding"]["small"]
    return max(10, round(steps * default.images_per_batch / train_texts))
