"""The parts of the paper's loss and sampling, measured on photographs.

    python -m benchmarks.photographs.claims --data=flickr8k

Trains on Flickr8k with one thing changed at a time, from random weights, and measures on the
validation split after the last epoch. Then come the parts that were ahead, from the default start.
The texts are tf-idf vectors, because other features have seen these captions before. Each setting
is compared with the first one seed by seed. Writes claims.md and claims.json beside this file; what
is in the JSON is not measured again.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from absl import app

from benchmarks.choices.ablation import ablation_table, measured_in_turn, over_seeds
from benchmarks.choices.trained_figures import trained_figures
from benchmarks.pages import measured_on, write_page
from benchmarks.photographs.flickr8k import DIRECTORY, EPOCHS, SEEDS, flickr8k
from tb_keras.training import RECIPES, Recipe

_FROM_RANDOM = Recipe(hidden_dim=1024, learning_rate=1e-3, learning_rate_decay=0.0, epochs=10)
_LOGISTIC = {
    "network": "similarity",
    "joint_dims": (256, 64),
    "negative_images": 5,
    "negative_texts": 5,
    "candidates": 10,
}
_RANDOM = {
    "as the paper": {},
    "texts as anchors alone": {"image_anchor_weight": 0.0},
    "images as anchors alone": {"text_anchor_weight": 0.0},
    "no constraint": {"text_neighborhood_weight": 0.0},
    "constraint 0.2": {"text_neighborhood_weight": 0.2},
    "constraint 0.5": {"text_neighborhood_weight": 0.5},
    "single captions, no constraint": {"texts_per_image": 1, "text_neighborhood_weight": 0.0},
    "all five captions": {"texts_per_image": 5},
    "the hardest negative alone": {"top_k": 1},
    "the 50 hardest negatives": {"top_k": 50},
    "all negatives": {"top_k": 0},
    "margin 0.1": {"margin": 0.1},
    "margin 0.2": {"margin": 0.2},
    "InfoNCE": {"loss": "info_nce"},
    "similarity network, hard negatives": _LOGISTIC,
    "similarity network, random negatives": {**_LOGISTIC, "negative_sampling": "random"},
}
_CANONICAL = {
    "as it is": {},
    "no constraint": {"text_neighborhood_weight": 0.0},
    "constraint 0.5": {"text_neighborhood_weight": 0.5},
    "single captions, no constraint": {"texts_per_image": 1, "text_neighborhood_weight": 0.0},
    "two captions": {"texts_per_image": 2},
    "InfoNCE": {"loss": "info_nce"},
}
_OVER_SEEDS = ", the mean over the seeds ± its standard error"
_COLUMNS = ("i2t_recall@1", "t2i_recall@1", "rsum", "t2t_recall@1")


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(DIRECTORY.value) / "claims.json"
    settings = {f"random: {name}": {"canonical": False, **_RANDOM[name]} for name in _RANDOM}
    canonical = {f"start: {name}": {"canonical": True, **_CANONICAL[name]} for name in _CANONICAL}
    measured = measured_in_turn(file, {**settings, **canonical}, SEEDS.value, _trained)
    train, held_out = (flickr8k(split, texts="tfidf") for split in ("train", "validation"))
    tables = [
        ablation_table(measured, rows, SEEDS.value, _COLUMNS, paired="rsum")
        for rows in (settings, canonical)
    ]
    page = f"""# The paper's claims on photographs

Written by `python -m benchmarks.photographs.claims --data=flickr8k \
--seeds={SEEDS.value} --images={train.num_images}`: Flickr8k, \
{train.num_images:,} training photographs, {held_out.num_images:,} of validation, \
`efficientnet_lite0_levels` and `tfidf`; last epoch, {over_seeds(SEEDS.value)}. The \
last column is the difference of rsum from the first row{_OVER_SEEDS if SEEDS.value > 1 else ""}. \
t2t is retrieval of a photograph's other captions by one of them. {measured_on()}

## From random weights, {EPOCHS.value or _FROM_RANDOM.epochs} epochs

{tables[0]}
## From the default start

{tables[1]}"""
    write_page(file, page)


def _trained(changes: dict, seed: int) -> dict[str, float]:
    changes = dict(changes)
    recipe = (
        RECIPES["retrieval", "embedding"]["small"] if changes.pop("canonical") else _FROM_RANDOM
    )
    recipe = dataclasses.replace(recipe, **changes)
    recipe = dataclasses.replace(recipe, epochs=EPOCHS.value or recipe.epochs)
    train, held_out = (flickr8k(split, texts="tfidf") for split in ("train", "validation"))
    return trained_figures(train, held_out, recipe, seed)


if __name__ == "__main__":
    app.run(main)
