"""The lowest score of an answer, by the validation split of a run."""

from __future__ import annotations

from tb_keras.scripts.runs.run_data import load_encoded
from tb_keras.scripts.searching.model_source import ModelSource
from tb_keras.search.least_scores import LeastScore, least_score
from tb_keras.training.metrics import embedded_corpus


def run_least_score(source: ModelSource, precision: float) -> LeastScore:
    """Returns the lowest score at which the first answer to a text has a wanted precision.

    It says what that means on the validation split.

    Args:
        source: a run; an exported model has no validation split.
        precision: in (0, 1].

    Raises:
        ValueError: if `source` is no run.
    """
    run = source.run
    if run is None:
        raise ValueError(f"--least_precision needs a run, which has a validation split: {source}")
    kind = next(name for name in run.networks() if name != "similarity")
    network = run.network(kind, run.best_seed(kind))
    embedded = embedded_corpus(network, load_encoded(run, "validation"))
    embeddings = embedded.image_features, embedded.text_features
    least = least_score(*embeddings, embedded.matches, precision)
    print(
        f"lowest score: {least.score:.3f}. On the {embedded.num_images} validation pictures "
        f"{least.precision:.0%} of the first answers above it are right; {least.found:.0%} of the "
        f"texts with a match are answered rightly, {least.refused:.0%} of those without are not",
        flush=True,
    )
    return least
