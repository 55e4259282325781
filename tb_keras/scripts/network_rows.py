"""The figures of all networks of a run, seed by seed, and of the exported models."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tb_keras.corpus import Corpus
from tb_keras.serving import ExportedNetwork
from tb_keras.training import network_metrics
from tb_keras.training.run import Run


def network_rows(
    run: Run,
    corpus: Corpus,
    models: Sequence[str],
    of_export: Callable[[ExportedNetwork, Corpus], dict[str, float]] = network_metrics,
) -> tuple[dict, dict]:
    """Measures the networks.

    Args:
        run: with at least one network trained.
        corpus: with features.
        models: directories of exported models.
        of_export: how an exported model is measured.

    Returns:
        `{"embedding": …, "similarity": …, "seeds": […]}`, for each network the figures of its
        exported model or, without one, of its best seed; and the rows of a table by name.
    """
    metrics, rows, seeds = {}, {}, []
    for network in run.networks():
        for result in run.results(network):
            figures = network_metrics(run.network(network, result["seed"]), corpus)
            seeds.append({"network": network, "seed": result["seed"], **figures})
            rows[f"{network}, seed {result['seed']}"] = figures
        metrics[network] = rows[f"{network}, seed {run.best_seed(network)}"]
    for model in map(ExportedNetwork, models):
        figures = of_export(model, corpus)
        rows[f"exported {model.path}"] = metrics[model.network] = figures
    return {**metrics, "seeds": seeds}, rows
