"""The second stage of a run: a similarity network that ranks its first candidates again."""

from __future__ import annotations

import os
from typing import NamedTuple, cast

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork, Reranker
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_text_encoder import text_encoder_fitted_to
from tb_keras.training import fit_reranker

_OF_ONE_RUN = ("recipes", "published", "init_from", "teacher")  # that say nothing of features


class SecondStage(NamedTuple):
    """A reranker of the best networks of two runs.

    Attributes:
        reranker: with its weight.
        first: the first network's kind.
        run: directory of the similarity network's run.
    """

    reranker: Reranker
    first: str
    run: str


def second_stage_run(run: Run, directory: str | os.PathLike | None) -> Run | None:
    """Returns the run whose similarity network ranks the candidates of another run again.

    Args:
        run: the run that finds the candidates.
        directory: of the run with the similarity network; None for `run` itself if it has both
            kinds of network, and else no second stage.

    Raises:
        FileNotFoundError: if there is no such run.
        ValueError: if it has no similarity network, `run` has no network that finds candidates, or
            the two runs have other data or features.
    """
    ours = run.networks()
    if directory is None:
        return run if "similarity" in ours and len(ours) > 1 else None
    other = Run(directory)
    settings = [run.settings, other.settings]  # an error where there is no such run
    if "similarity" not in other.networks():
        raise ValueError(
            f"--rerank must name a run with a similarity network. Received: {str(directory)!r}, "
            f"which has {', '.join(other.networks())}"
        )
    if ours == ["similarity"]:
        raise ValueError(
            "--rerank needs a network that finds candidates. "
            f"Received: {str(run.directory)!r}, which has similarity alone"
        )
    own, theirs = (
        {**kept, "fitted text encoder": text_encoder_fitted_to(one)}
        for kept, one in zip(settings, (run, other))
    )
    changed = [
        f"{name} is {own.get(name)!r} and {theirs.get(name)!r}"
        for name in sorted({*own, *theirs} - {*_OF_ONE_RUN})
        if own.get(name) != theirs.get(name)
    ]
    if changed:
        raise ValueError(
            f"--rerank must name a run on the data and features of {str(run.directory)!r}. "
            f"Received: {str(directory)!r} ({'; '.join(changed)})"
        )
    return other


def fitted_second_stage(run: Run, other: Run, validation: Corpus, candidates: int) -> SecondStage:
    """Chooses the weight of the second network on the validation split, and says it.

    Args:
        run: finds the candidates with its best network that embeds.
        other: from `second_stage_run`.
        validation: that split of both runs, with features.
        candidates: how many candidates of each query are ranked again.
    """
    kind = next(name for name in run.networks() if name != "similarity")
    first = cast(EmbeddingNetwork, run.network(kind, run.best_seed(kind)))
    second = other.network("similarity", other.best_seed("similarity"))
    print("candidates of the validation split, by the similarity network", flush=True)
    reranker = fit_reranker(first, second, validation, candidates, verbose=True)
    print(f"weight of the similarity network: {reranker.weight:g}", flush=True)
    return SecondStage(reranker, kind, str(other.directory))
