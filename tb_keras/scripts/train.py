"""Trains an embedding network on pictures and texts.

    tb-train --dataset=openmoji --run=runs/openmoji --seeds=0,1,2
    tb-train --data=my_pictures.csv --run=runs/mine

Pictures and texts are encoded (and the features kept), a network is trained for each seed, and that
of the epoch with the best retrieval on the validation split is kept in RUN/seed-N/network.keras.
The same command goes on where an interrupted one was. Next: tb-evaluate, tb-export.
"""

from __future__ import annotations

import dataclasses

from absl import flags

from tb_keras.scripts import data_flags
from tb_keras.scripts.run_main import run_main
from tb_keras.training.recipe import RECIPES, Recipe
from tb_keras.training.run import Run
from tb_keras.training.train_embedding_network import train_embedding_network

_RUN = flags.DEFINE_string("run", None, "Directory of the run, e.g. runs/mine.", required=True)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds: one network is trained for each.")
_RECIPE = flags.DEFINE_enum(
    "recipe",
    "small",
    sorted(RECIPES),
    "Settings to start from: small for thousands of pictures, paper for the authors' own.",
)


def _by_recipe(name: str) -> str:
    values = [f"{recipe} {getattr(RECIPES[recipe], name)}" for recipe in sorted(RECIPES)]
    return f"By default the recipe's: {', '.join(values)}."


_DEFINE = {int: flags.DEFINE_integer, float: flags.DEFINE_float, str: flags.DEFINE_string}
_SETTINGS = {
    field.name: _DEFINE[type(field.default)](
        field.name, None, f"{field.metadata['help']} {_by_recipe(field.name)}"
    )
    for field in dataclasses.fields(Recipe)
}
flags.adopt_module_key_flags(data_flags)  # so that --help shows them


def main(arguments: list[str]) -> None:
    if arguments:
        raise ValueError(f"tb-train takes flags only. Received: {' '.join(arguments)}")
    changes = {name: f.value for name, f in _SETTINGS.items() if f.value is not None}
    recipe = dataclasses.replace(RECIPES[_RECIPE.value], **changes)
    if not _SEEDS.value or not all(seed.isdecimal() for seed in _SEEDS.value):
        raise ValueError(
            "--seeds must be non-negative ints, separated by commas. "
            f"Received: --seeds={','.join(_SEEDS.value)}"
        )
    settings = data_flags.data_settings()
    splits = {split: data_flags.load_corpus(settings, split) for split in ("train", "validation")}
    run = Run(_RUN.value)
    run.start({**settings, "recipe": dataclasses.asdict(recipe)})
    corpora = [data_flags.encoded(corpus, settings, split) for split, corpus in splits.items()]
    for seed in map(int, _SEEDS.value):
        print(f"seed {seed}: {recipe.epochs} epochs", flush=True)
        train_embedding_network(*corpora, recipe, run.seed_directory(seed), seed)
    for result in run.results():
        print(f"seed {result['seed']}: val_rsum {result['val_rsum']:.1f}, {result['seconds']} s")
    print(f"Next: tb-evaluate --run={_RUN.value}   tb-export --run={_RUN.value}")


if __name__ == "__main__":
    run_main("tb-train", main)
