"""What neighbourhood sampling and the neighbourhood constraint give, on the OpenMoji pictures.

    python benchmarks/neighborhood.py

Trains the demo's recipe with each of them on and off, over several seeds, on the training split,
and measures on the validation split (the test split is for the demo's figures alone). Each figure
is that of the last epoch, so that nothing is chosen on the split it is measured on. Writes
neighborhood.md and neighborhood.json beside this file; what is in the JSON is not run again.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ablation import ablation_table, machine, measured_in_turn, write_page
from absl import app, flags
from trained_figures import trained_figures

from tb_keras.corpus import Corpus
from tb_keras.datasets import load
from tb_keras.encoders import encode_corpus
from tb_keras.training.recipe import RECIPES

_SEEDS = flags.DEFINE_integer("seeds", 5, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the recipe's.")
_PICTURES = flags.DEFINE_integer("pictures", None, "Pictures of each split, if not all.")
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
    train, validation = (_encoded(split) for split in ("train", "validation"))
    file = Path(_DIRECTORY.value) / "neighborhood.json"
    measured = measured_in_turn(
        file,
        _SETTINGS,
        _SEEDS.value,
        lambda changes, seed: _trained(train, validation, changes, seed),
    )
    page = f"""# Neighbourhood sampling and constraint

Written by `python benchmarks/neighborhood.py`: OpenMoji, validation split, last epoch, mean ± \
standard deviation over {_SEEDS.value} seeds. t2t is retrieval of a picture's other texts by one \
of its texts. {machine()}

{ablation_table(measured, _SETTINGS, _SEEDS.value, _COLUMNS)}"""
    write_page(file, page)


def _encoded(split: str) -> Corpus:
    corpus = load("openmoji", split=split)
    some = corpus.subset(images=range(min(_PICTURES.value or corpus.num_images, corpus.num_images)))
    return encode_corpus(some, "efficientnet_lite0_levels")


def _trained(train, validation, changes: dict, seed: int) -> dict[str, float]:
    recipe = dataclasses.replace(RECIPES["retrieval", "embedding"]["small_from_random"], **changes)
    recipe = dataclasses.replace(recipe, epochs=_EPOCHS.value or recipe.epochs)
    return trained_figures(train, validation, recipe, seed)


if __name__ == "__main__":
    app.run(main)
