"""The figures of all networks of a run, seed by seed, and of the exported models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import TwoBranchNetwork
from tb_keras.scripts.runs.run import Run
from tb_keras.serving import ExportedNetwork
from tb_keras.training.metrics import embedded_corpus, embedding_metrics, network_metrics


def network_rows(
    run: Run,
    corpus: Corpus,
    models: Sequence[str],
    of_best: Callable[[TwoBranchNetwork, Corpus], object],
    of_export: Callable[[ExportedNetwork, Corpus], dict[str, float]] = network_metrics,
) -> tuple[dict, dict, dict]:
    """Measures the networks.

    Args:
        run: with at least one network trained.
        corpus: with features.
        models: directories of exported models.
        of_best: called with the best seed's network of each kind and with a corpus whose features
            are that network's embeddings.
        of_export: measures an exported model on `corpus`.

    Returns:
        The figures for metrics.json, `{"embedding": …, "similarity": …, "seeds": […]}`, for each
        kind those of its exported model or, without one, of its best seed; the rows of a table by
        name; and for each kind what `of_best` returned.
    """
    metrics, rows, seeds, best = {}, {}, [], {}
    for kind in run.networks():
        best_seed = run.best_seed(kind)
        for seed in (result["seed"] for result in run.results(kind)):
            network = run.network(kind, seed)
            embedded = embedded_corpus(network, corpus)
            figures = embedding_metrics(network, embedded)
            seeds.append({"network": kind, "seed": seed, **figures})
            rows[f"{kind}, seed {seed}"] = figures
            if seed == best_seed:
                metrics[kind], best[kind] = figures, of_best(network, embedded)
    for model in map(ExportedNetwork, models):
        figures = of_export(model, corpus)
        rows[f"exported {model.path}"] = metrics[model.network] = figures
    return {**metrics, "seeds": seeds}, rows, best
