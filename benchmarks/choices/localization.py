"""The paper's ablations of phrase localization, on the scenes.

    python -m benchmarks.choices.localization

Trains both networks by the demo's recipes with one thing changed at a time: the embedding network
without and with the neighbourhood constraint, and without and with positive region augmentation
(without it, a phrase's true box alone matches it); the similarity network with random and with
hardest negative regions, and with negative phrases as well. Several seeds, on the training split,
and measured on the validation split (the test split is for the demo's figures alone) after the last
epoch, so that nothing is chosen on the split it is measured on. Writes localization.md and
localization.json beside this file; what is in the JSON is not run again.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path

from absl import app, flags

from benchmarks.choices.ablation import ablation_table, measured_in_turn
from benchmarks.pages import measured_on, write_page
from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets import load
from tb_keras.encoders import proposed_corpus
from tb_keras.features import encode_corpus
from tb_keras.training import network_metrics
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.named_recipes import RECIPES

_SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the recipe's.")
_SCENES = flags.DEFINE_integer("scenes", None, "Scenes of each split, if not all.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_AUGMENTED = {"positive_iou": 0.6}
_TRUE_BOX_ALONE = {"positive_iou": 1.0}
_SETTINGS = {
    "embedding, no constraint, no augmentation": {
        "proposals": _TRUE_BOX_ALONE,
        "text_neighborhood_weight": 0.0,
        "image_neighborhood_weight": 0.0,
    },
    "embedding, no constraint": {
        "text_neighborhood_weight": 0.0,
        "image_neighborhood_weight": 0.0,
    },
    "embedding, no augmentation": {"proposals": _TRUE_BOX_ALONE},
    "embedding, as the demo's": {},
    "similarity, random negatives": {"network": "similarity", "negative_sampling": "random"},
    "similarity, negative phrases as well": {"network": "similarity", "negative_texts": 2},
    "similarity, as the demo's": {"network": "similarity"},
}
_COLUMNS = ("recall@1", "recall@5", "recall@10", "seconds")


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(_DIRECTORY.value) / "localization.json"
    measured = measured_in_turn(file, _SETTINGS, _SEEDS.value, _trained)
    page = f"""# Ablations of phrase localization

Written by `python -m benchmarks.choices.localization`: scenes of OpenMoji drawings (a test bed), \
validation split, last epoch, mean ± standard deviation over {_SEEDS.value} seeds. {measured_on()}

{ablation_table(measured, _SETTINGS, _SEEDS.value, _COLUMNS)}"""
    write_page(file, page)


def _trained(changes: dict, seed: int) -> dict[str, float]:
    changes = dict(changes)
    train = _encoded("train", **changes.pop("proposals", _AUGMENTED))
    recipe = RECIPES["localization", changes.get("network", "embedding")]["small"]
    recipe = dataclasses.replace(recipe, epochs=_EPOCHS.value or recipe.epochs, **changes)
    network, model, batches = from_recipe(train, recipe, seed)
    started = time.monotonic()
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
    seconds = time.monotonic() - started
    return {**network_metrics(network, _encoded("validation", **_AUGMENTED)), "seconds": seconds}


@functools.cache
def _encoded(split: str, positive_iou: float) -> Corpus:
    scenes = load("scenes", split=split, scenes=_SCENES.value)
    regions = proposed_corpus(scenes, positive_iou=positive_iou, true_boxes=split == "train")
    return encode_corpus(regions, "efficientnet_lite0_levels", size=96)


if __name__ == "__main__":
    app.run(main)
