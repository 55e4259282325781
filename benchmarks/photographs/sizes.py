"""Figures against the number of training photographs, of the default recipe and of others.

    python -m benchmarks.photographs.sizes --data=flickr8k

Trains on 250, 1,000, 3,000 and all 6,000 photographs of Flickr8k and measures on the validation
split after the last epoch. Writes sizes.md, sizes.json and the curves sizes.svg beside this file;
what is in the JSON is not measured again.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import matplotlib
from absl import app
from matplotlib import pyplot

from benchmarks.choices.ablation import ablation_table, measured_in_turn, over_seeds
from benchmarks.choices.trained_figures import trained_figures
from benchmarks.pages import measured_on, write_page
from benchmarks.photographs.flickr8k import (
    DIRECTORY,
    EPOCHS,
    IMAGE_ENCODER,
    SEEDS,
    SEEN,
    flickr8k,
    some_images,
)
from tb_keras.evaluation import (
    KernelCCABaseline,
    RegularizedCCABaseline,
    retrieval_metrics,
)
from tb_keras.storage.atomic_file import written_beside
from tb_keras.training import RECIPES

_SIZES = (250, 1000, 3000, 6000)
_CLOSED_FORM = {"regularised CCA": RegularizedCCABaseline, "kernel CCA": KernelCCABaseline}
_TRAINED = {
    "small (the default)": {},
    "small, InfoNCE": {"loss": "info_nce"},
    "small, the hardest negative alone": {"loss": "max_violation"},
    "random weights": {"recipe": "small_from_random"},
    "random weights, InfoNCE": {"recipe": "small_from_random", "loss": "info_nce"},
}


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(DIRECTORY.value) / "sizes.json"
    fitted = _of_sizes({name: {"method": name} for name in _CLOSED_FORM})
    trained = _of_sizes(_TRAINED)
    measured = measured_in_turn(file, fitted, 1, _figures)
    measured = measured_in_turn(file, trained, SEEDS.value, _figures)
    _draw(file.with_suffix(".svg"), measured)
    columns = ("i2t_recall@1", "t2i_recall@1", "rsum")
    page = f"""# Number of training photographs

Written by `python -m benchmarks.photographs.sizes --data=flickr8k`: Flickr8k, validation split, \
`{IMAGE_ENCODER}` and `minilm`, last epoch, {over_seeds(SEEDS.value)}. \
Both forms of CCA choose their regularisation on this same split. {SEEN} {measured_on()}

![rsum against the number of training photographs](sizes.svg)

## In closed form

{ablation_table(measured, fitted, 1, columns)}
## Trained

{ablation_table(measured, trained, SEEDS.value, columns)}"""
    write_page(file, page)


def _of_sizes(settings: dict[str, dict]) -> dict[str, dict]:
    return {
        f"{size:,}: {name}": {"images": size, **changes}
        for size in _SIZES
        for name, changes in settings.items()
    }


def _figures(changes: dict, seed: int) -> dict[str, float]:
    changes = dict(changes)
    held_out = flickr8k("validation")
    train = some_images(flickr8k("train"), changes.pop("images"))
    if "method" in changes:
        baseline = _CLOSED_FORM[changes["method"]](train, held_out)
        images = baseline.embed_images(held_out.image_features)
        texts = baseline.embed_texts(held_out.text_features)
        return retrieval_metrics(images, texts, held_out.matches)
    recipe = RECIPES["retrieval", "embedding"][changes.pop("recipe", "small")]
    recipe = dataclasses.replace(recipe, **changes)
    recipe = dataclasses.replace(recipe, epochs=EPOCHS.value or recipe.epochs)
    return trained_figures(train, held_out, recipe, seed)


def _draw(file: Path, measured: dict[str, dict]) -> None:
    """Draws the mean rsum of each method over the seeds against the number of photographs."""
    matplotlib.rcParams["svg.hashsalt"] = "tb_keras"  # the same figures give the same file
    drawing, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for name in (*_CLOSED_FORM, *_TRAINED):
        seeds = 1 if name in _CLOSED_FORM else SEEDS.value
        means = [
            sum(measured[f"{size:,}: {name}, seed {seed}"]["rsum"] for seed in range(seeds)) / seeds
            for size in _SIZES
        ]
        axes.plot(_SIZES, means, "o--" if name in _CLOSED_FORM else "o-", label=name)
    axes.set_xscale("log", base=2)
    axes.set_xticks(_SIZES, [f"{size:,}" for size in _SIZES])
    axes.set_xlabel("training photographs")
    axes.set_ylabel("rsum, validation")
    axes.legend()
    with written_beside(file) as beside:
        drawing.savefig(beside, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    app.run(main)
