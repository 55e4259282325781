"""Measures retrieval on the held-out split, beside baselines on the same features.

    tb-evaluate --run=runs/openmoji --model=savedmodels/openmoji

Prints a table and writes RUN/metrics.json: the figures of the exported model at the top (without
--model: of the best seed's network), those of each seed under "seeds", and of chance, ridge
regression and CCA under "baselines". Recalls are hit rates in percent; rsum is their sum.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from absl import flags

from tb_keras.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.evaluation.cca_baseline import CCABaseline
from tb_keras.evaluation.chance import chance_metrics
from tb_keras.evaluation.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.ridge_baseline import RidgeBaseline
from tb_keras.scripts.data_flags import load_encoded
from tb_keras.scripts.metrics_table import metrics_table
from tb_keras.scripts.run_main import run_main
from tb_keras.serving import ExportedModel
from tb_keras.training.run import Run

_RUN = flags.DEFINE_string("run", None, "Directory of the run that tb-train made.", required=True)
_MODEL = flags.DEFINE_string("model", None, "Directory of the exported model to measure as well.")
_SPLIT = flags.DEFINE_string("split", "test", "Split to measure on.")
_BASELINES = flags.DEFINE_bool("baselines", True, "Whether to fit and measure the baselines.")


def main(arguments: list[str]) -> None:
    if arguments:
        raise ValueError(f"tb-evaluate takes flags only. Received: {' '.join(arguments)}")
    run = Run(_RUN.value)
    settings, best = run.settings, run.best_seed()
    model = ExportedModel(_MODEL.value) if _MODEL.value else None
    corpus = load_encoded(settings, _SPLIT.value)
    rows = {}
    if _BASELINES.value:
        fitted_on = [load_encoded(settings, split) for split in ("train", "validation")]
        rows["chance"] = chance_metrics(corpus.matches)
        rows["ridge"] = _measured(RidgeBaseline(*fitted_on), corpus)
        rows["cca"] = _measured(CCABaseline(*fitted_on), corpus)
        rows["regularized_cca"] = _measured(RegularizedCCABaseline(*fitted_on), corpus)
    baselines = list(rows)
    seeds = {r["seed"]: _measured(run.network(r["seed"]), corpus) for r in run.results()}
    rows |= {f"seed {seed}": figures for seed, figures in seeds.items()}
    top = seeds[best]
    if model is not None:
        top = rows[f"exported {model.path}"] = retrieval_metrics(
            model.embed_images(corpus.image_paths), model.embed_texts(corpus.texts), corpus.matches
        )
    print(f"\n{settings['dataset']}, split {_SPLIT.value}: {corpus}\n")
    print(metrics_table(rows))
    _write(
        run.directory / "metrics.json",
        {
            **top,
            "split": _SPLIT.value,
            "baselines": {name: rows[name] for name in baselines},
            "seeds": [{"seed": seed, **figures} for seed, figures in seeds.items()],
        },
    )
    print(f"\nWrote {run.directory / 'metrics.json'}")


def _measured(matcher, corpus: Corpus) -> dict[str, float]:
    """Figures of anything with `embed_images` and `embed_texts` from features."""
    return retrieval_metrics(
        matcher.embed_images(corpus.image_features),
        matcher.embed_texts(corpus.text_features),
        corpus.matches,
    )


def _write(file: Path, content: dict) -> None:
    beside = file.with_name(f".{file.name}")
    beside.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(beside, file)


if __name__ == "__main__":
    run_main("tb-evaluate", main)
