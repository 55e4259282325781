"""The default recipe with one thing changed at a time: why its settings are what they are.

    python -m benchmarks.choices.recipe

First come the starts by canonical correlation analysis, untrained. Then both networks of the recipe
`small` are trained on the OpenMoji training split, each setting with several seeds, and measured
after the last epoch. All figures are of the validation split; the test split is for the demo's
figures alone. Writes recipe.md and recipe.json beside this file; what is in the JSON is not
measured again.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path

import numpy as np
from absl import app, flags

from benchmarks.choices.ablation import ablation_table, measured_in_turn
from benchmarks.choices.trained_figures import trained_figures
from benchmarks.pages import measured_on, write_page
from tb_keras.cca import CanonicalProblem, landmark_kernels
from tb_keras.corpus import Corpus
from tb_keras.datasets import load
from tb_keras.evaluation import retrieval_metrics
from tb_keras.features import encode_corpus
from tb_keras.training import RECIPES, Recipe

_SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the recipe's.")
_PICTURES = flags.DEFINE_integer("pictures", None, "Pictures of each split, if not all.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

# By row: share of the texts that are landmarks (0 for linear maps), regularisation, power of the
# correlations, most dimensions.
_STARTS = {
    "kernel, regularisation 1.7, power 0.5 (the recipe's)": (1.0, 1.7, 0.5, 1024),
    "kernel, 1 and 1": (1.0, 1.0, 1.0, 1024),
    "kernel, 3 and 0.5": (1.0, 3.0, 0.5, 1024),
    "kernel, 0.3 and 0.5": (1.0, 0.3, 0.5, 1024),
    "kernel, at most 512 dimensions": (1.0, 1.7, 0.5, 512),
    "kernel, at most 256 dimensions": (1.0, 1.7, 0.5, 256),
    "kernel, half of the texts as landmarks": (0.5, 1.7, 0.5, 1024),
    "kernel, a quarter of the texts as landmarks": (0.25, 1.7, 0.5, 1024),
    "linear, 3 and 0.5": (0.0, 3.0, 0.5, 256),
    "linear, 5 and 0.5 (for a kernel too large, or if better on validation)": (0.0, 5.0, 0.5, 512),
    "linear, 1 and 0.5": (0.0, 1.0, 0.5, 256),
    "linear, 10 and 1 (chosen on validation, if better)": (0.0, 10.0, 1.0, 256),
}
_FROM_RANDOM = {"recipe": "small_from_random"}
_SETTINGS = {
    "embedding, as it is": {},
    "start: linear": {"landmarks": 0},
    "start: random weights": {"start": "random"},
    "start: random weights, a recipe of its own": _FROM_RANDOM,
    "1 epoch": {"epochs": 1},
    "5 epochs": {"epochs": 5},
    "10 epochs": {"epochs": 10},
    "noise 0": {"noise": 0.0},
    "noise 0.5": {"noise": 0.5},
    "at most 256 dimensions": {"embedding_dim": 256},
    "at most 512 dimensions": {"embedding_dim": 512},
    "1,024 hidden units": {"hidden_dim": 1024},
    "loss: InfoNCE": {"loss": "info_nce"},
    "loss: the hardest negative alone": {"loss": "max_violation"},
    "similarity, as it is": {"network": "similarity"},
    "similarity: the hardest of all negatives": {"network": "similarity", "candidates": 0},
    "similarity: the hardest five of 50": {"network": "similarity", "candidates": 50},
    "similarity: random weights, a recipe of its own": {"network": "similarity", **_FROM_RANDOM},
}
_COLUMNS = ("i2t_recall@1", "t2i_recall@1", "rsum", "seconds")


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(_DIRECTORY.value) / "recipe.json"
    rows = {name: {"start": setting} for name, setting in _STARTS.items()}
    starts = measured_in_turn(file, rows, 1, _untrained)
    measured = measured_in_turn(file, _SETTINGS, _SEEDS.value, _trained)
    page = f"""# The default recipe

Written by `python -m benchmarks.choices.recipe`: OpenMoji (names and lists of keywords), \
validation split. {measured_on()}

## Starts by canonical correlation analysis, untrained

{ablation_table(starts, rows, 1, _COLUMNS)}
## Training

Last epoch, mean ± standard deviation over {_SEEDS.value} seeds; seconds are those of the training \
alone, without the start.

{ablation_table(measured, _SETTINGS, _SEEDS.value, _COLUMNS)}"""
    write_page(file, page)


@functools.cache
def _encoded(split: str) -> Corpus:
    corpus = load("openmoji", split=split)
    some = corpus.subset(images=range(min(_PICTURES.value or corpus.num_images, corpus.num_images)))
    return encode_corpus(some, "efficientnet_lite0_levels")


def _untrained(changes: dict, seed: int) -> dict[str, float]:
    del seed  # nothing is left to chance
    share, regularization, power, dim = changes["start"]
    train, held_out = _encoded("train"), _encoded("validation")
    landmarks = int(np.ceil(share * train.num_texts))
    started = time.monotonic()
    kernels = landmark_kernels(train, landmarks) if landmarks else (None, None)
    found = CanonicalProblem.of(train, kernels).solved(regularization, dim).weighted(power)
    seconds = time.monotonic() - started
    images = found.embed_images(held_out.image_features)
    texts = found.embed_texts(held_out.text_features)
    return {**retrieval_metrics(images, texts, held_out.matches), "seconds": seconds}


def _trained(changes: dict, seed: int) -> dict[str, float]:
    changes = dict(changes)
    network = changes.pop("network", "embedding")
    recipe = RECIPES["retrieval", network][changes.pop("recipe", "small")]
    recipe = dataclasses.replace(recipe, **changes)
    return trained_figures(_encoded("train"), _encoded("validation"), _of_epochs(recipe), seed)


def _of_epochs(recipe: Recipe) -> Recipe:
    return dataclasses.replace(recipe, epochs=_EPOCHS.value or recipe.epochs)


if __name__ == "__main__":
    app.run(main)
