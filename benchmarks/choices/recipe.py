"""The default recipe with one thing changed at a time: why its settings are what they are.

    python -m benchmarks.choices.recipe

Trains both networks of the recipe `small` on the OpenMoji training split, each setting with several
seeds, and measures after the last epoch on the validation split, which chose the settings; the test
split is for the demo's figures alone. Writes recipe.md and recipe.json beside this file; what is in
the JSON is not run again.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

from absl import app, flags

from benchmarks.choices.ablation import ablation_table, measured_in_turn
from benchmarks.choices.trained_figures import trained_figures
from benchmarks.pages import measured_on, write_page
from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets import load
from tb_keras.features import encode_corpus
from tb_keras.training import RECIPES, Recipe

_SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the recipe's.")
_PICTURES = flags.DEFINE_integer("pictures", None, "Pictures of each split, if not all.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

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
    measured = measured_in_turn(file, _SETTINGS, _SEEDS.value, _trained)
    page = f"""# The default recipe

Written by `python -m benchmarks.choices.recipe`: OpenMoji (names and lists of keywords), \
validation split, last epoch, mean ± standard deviation over {_SEEDS.value} seeds; seconds are \
those of the training alone, without the start. {measured_on()}

{ablation_table(measured, _SETTINGS, _SEEDS.value, _COLUMNS)}"""
    write_page(file, page)


@functools.cache
def _encoded(split: str) -> Corpus:
    corpus = load("openmoji", split=split)
    some = corpus.subset(images=range(min(_PICTURES.value or corpus.num_images, corpus.num_images)))
    return encode_corpus(some, "efficientnet_lite0_levels")


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
