"""What neighbourhood sampling and the neighbourhood constraint give, on the OpenMoji pictures.

    python benchmarks/neighborhood.py

Trains the demo's recipe with each of them on and off, over several seeds, on the training split,
and measures on the validation split (the test split is for the demo's figures alone). Each figure
is that of the last epoch, so that nothing is chosen on the split it is measured on. Writes
neighborhood.md and neighborhood.json beside this file; what is in the JSON is not run again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags

from tb_keras.datasets import load
from tb_keras.encoders import encode_corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.training.from_recipe import from_recipe
from tb_keras.training.recipe import RECIPES

_SEEDS = flags.DEFINE_integer("seeds", 5, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the recipe's.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_SETTINGS = {
    "sampling off, constraint off": {"texts_per_image": 1, "text_neighborhood_weight": 0.0},
    "sampling 2, constraint off": {"texts_per_image": 2, "text_neighborhood_weight": 0.0},
    "sampling 2, constraint 0.05": {"texts_per_image": 2, "text_neighborhood_weight": 0.05},
    "sampling 2, constraint 0.2": {"texts_per_image": 2, "text_neighborhood_weight": 0.2},
}
_COLUMNS = ("i2t_recall@1", "t2i_recall@1", "rsum", "t2t_recall@1", "t2t_recall@10", "seconds")


def main(arguments: list[str]) -> None:
    del arguments
    train, validation = (
        encode_corpus(load("openmoji", split=split), "efficientnet_lite0_levels")
        for split in ("train", "validation")
    )
    file = Path(_DIRECTORY.value) / "neighborhood.json"
    measured = json.loads(file.read_text()) if file.exists() else {}
    for seed in range(_SEEDS.value):
        for name, changes in _SETTINGS.items():  # in turn, so that all see the same machine
            if f"{name}, seed {seed}" not in measured:
                figures = _trained(train, validation, changes, seed)
                measured[f"{name}, seed {seed}"] = figures
                _write(file, json.dumps(measured, indent=1) + "\n")
                print(f"{name}, seed {seed}: rsum {figures['rsum']:.1f}", flush=True)
    table = _table(measured)
    _write(file.with_suffix(".md"), table)
    print(table)


def _trained(train, validation, changes: dict, seed: int) -> dict[str, float]:
    recipe = dataclasses.replace(RECIPES["small"], **changes)
    recipe = dataclasses.replace(recipe, epochs=_EPOCHS.value or recipe.epochs)
    network, model, batches = from_recipe(train, recipe, seed)
    started = time.monotonic()
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
    seconds = time.monotonic() - started
    texts = network.embed_texts(validation.text_features)
    images = network.embed_images(validation.image_features)
    within = retrieval_metrics(texts, texts, validation.matches.text_neighbors())
    figures = retrieval_metrics(images, texts, validation.matches)
    figures |= {f"t2t_recall@{k}": within[f"i2t_recall@{k}"] for k in (1, 10)}
    return {name: round(value, 3) for name, value in {**figures, "seconds": seconds}.items()}


def _table(measured: dict[str, dict]) -> str:
    lines = [
        "# Neighbourhood sampling and constraint",
        "",
        "Written by `python benchmarks/neighborhood.py`: OpenMoji, validation split, last epoch, "
        f"mean ± standard deviation over {_SEEDS.value} seeds. t2t is retrieval of a picture's "
        f"other texts by one of its texts. {platform.machine()}, {os.cpu_count()} cores; the "
        "seconds are those of a shared machine.",
        "",
        "| | " + " | ".join(_COLUMNS) + " |",
        "|---" * (len(_COLUMNS) + 1) + "|",
    ]
    for name in _SETTINGS:
        rows = [measured[f"{name}, seed {seed}"] for seed in range(_SEEDS.value)]
        cells = [
            f"{np.mean([row[column] for row in rows]):.1f} ± "
            f"{np.std([row[column] for row in rows], ddof=min(1, len(rows) - 1)):.1f}"
            for column in _COLUMNS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _write(file: Path, content: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as stream:
        stream.write(content)
    os.replace(stream.name, file)


if __name__ == "__main__":
    app.run(main)
