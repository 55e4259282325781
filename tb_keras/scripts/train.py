"""Trains networks on pictures and texts.

    tb-train --dataset=openmoji --run=runs/openmoji --seeds=0,1,2
    tb-train --data=my_pictures.csv --run=runs/mine
    tb-train --data=captions.csv --train_shards=shards/captions --run=runs/captions
    tb-train --recipe=flickr30k_vgg_hglmm --data=flickr30k --run=runs/flickr30k
    tb-train --task=localization --dataset=scenes --run=runs/scenes --network=embedding,similarity

Pictures and texts are encoded (and the features kept), a network is trained for each seed, and that
of the last epoch, or of the one with the best figure on the validation split (--kept_epoch), is
kept in RUN/NETWORK/seed-N/network.keras. A recipe named after a published result brings its data
set, encoders and settings; tb-evaluate prints the published figures beside. The same command goes
on where an interrupted one was; called again with another --network, it adds that to the run. Next:
tb-evaluate, tb-search, tb-export.

The defaults below of a recipe's settings are those of the embedding network for retrieval, for the
recipe small and, where it differs, for the recipe paper.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import tempfile
from typing import TYPE_CHECKING, Any

from absl import flags

from tb_keras.encoders.presets.pair import share_a_space
from tb_keras.encoders.presets.preset_backbone import loaded_once
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS
from tb_keras.scripts import data_flags
from tb_keras.scripts.own_data.readable_pictures import UNREADABLE
from tb_keras.scripts.run_main import run_main
from tb_keras.scripts.runs import run_data, teachers, trained_encoders
from tb_keras.scripts.runs.data_digest import data_digest
from tb_keras.scripts.runs.initial_run import check_initial, initial_flags, initial_recipe
from tb_keras.scripts.runs.recipe_checks import check_recipes
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_text_encoder import check_text_encoder, fitted_word_encoder
from tb_keras.scripts.runs.settled_paths import settle_paths
from tb_keras.scripts.runs.shard_source import (
    check_shard_settings,
    sample_of_shards,
    shard_settings,
    shards_digest,
)
from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.published_recipes import PUBLISHED_RECIPES, PublishedRecipe
from tb_keras.training.recipes.recipe import NETWORKS, Recipe
from tb_keras.training.replicas.strategy import is_chief, replica_strategy
from tb_keras.training.whole_training import train_network

if TYPE_CHECKING:
    import tensorflow as tf

_RUN = flags.DEFINE_string("run", None, "Directory of the run, e.g. runs/mine.", required=True)
_SEEDS = flags.DEFINE_list("seeds", ["0"], "Seeds: one network is trained for each.")
_NETWORK = flags.DEFINE_list(
    "network",
    ["embedding"],
    f"Networks to train: {', '.join(NETWORKS)}, or several; by default that of the recipe.",
)
_RECIPE = flags.DEFINE_enum(
    "recipe",
    "small",
    ["small", "paper", *PUBLISHED_RECIPES],
    "Settings to start from: small for thousands of pictures, paper for the authors' own, or those "
    "of a published result, with its data set and encoders.",
)
_INIT_FROM = flags.DEFINE_string(
    "init_from",
    None,
    "Run whose network the training begins with, instead of new weights: for more data. Its "
    "encoders and recipe go on too.",
)
_REPLICAS = flags.DEFINE_integer(
    "replicas",
    1,
    "Over how many GPUs of this machine each batch is dealt, or parts of the CPU without any. With "
    "the environment variable TF_CONFIG the GPUs of all its workers are taken.",
    lower_bound=1,
)
_TRAIN_SHARDS = flags.DEFINE_string(
    "train_shards",
    None,
    "Retrieval: directory of files from tb-extract --shards, or its address such as "
    "gs://bucket/captions, from which the training split is read. Its encoders become those of the "
    "run, and the data set gives the other splits. An epoch shows each picture once, with some of "
    "its texts. A start is fitted to the first 512 MiB of features.",
)
_FEW = 200  # training pictures
_FIELDS = [field for field in dataclasses.fields(Recipe) if field.name != "network"]


def _defined(field: dataclasses.Field) -> flags.FlagHolder:
    recipes = RECIPES["retrieval", "embedding"]
    small, paper = (
        str(getattr(recipes[name], field.name)) or "empty" for name in ("small", "paper")
    )
    shown = small if small == paper else f"{small} (small), {paper} (paper)"
    description = f"{field.metadata['help']} Default: {shown}."
    define: Any = {
        bool: flags.DEFINE_bool,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        str: flags.DEFINE_string,
        tuple: flags.DEFINE_list,
    }[type(field.default)]
    return define(field.name, None, description)


_SETTINGS = {field.name: _defined(field) for field in _FIELDS}
flags.adopt_module_key_flags(data_flags)  # so that --help shows them
flags.adopt_module_key_flags(trained_encoders)
flags.adopt_module_key_flags(teachers)
flags.declare_key_flag(UNREADABLE)


def main(arguments: list[str]) -> None:
    """Runs the script."""
    if arguments:
        raise ValueError(f"tb-train takes flags only. Received: {' '.join(arguments)}")
    strategy = replica_strategy(_REPLICAS.value)
    if is_chief(strategy):
        _train(Run(_RUN.value), strategy)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        open(os.devnull, "w") as nowhere,
        contextlib.redirect_stdout(nowhere),
    ):
        _train(Run(folder), strategy)


def _train(run: Run, strategy: tf.distribute.Strategy | None) -> None:
    if not _SEEDS.value or not all(seed.isdecimal() for seed in _SEEDS.value):
        raise ValueError(
            "--seeds must be non-negative ints, separated by commas. "
            f"Received: --seeds={','.join(_SEEDS.value)}"
        )
    if not _NETWORK.value or not set(_NETWORK.value) <= set(NETWORKS):
        raise ValueError(
            f"--network must be of {', '.join(NETWORKS)}. "
            f"Received: --network={','.join(_NETWORK.value)}"
        )
    published = PUBLISHED_RECIPES.get(_RECIPE.value)
    initial = Run(_INIT_FROM.value) if _INIT_FROM.value else None
    if initial and flags.FLAGS["recipe"].present:
        raise ValueError("--recipe must be left out with --init_from, whose recipe goes on")
    shards = settle_paths({"train_shards": _TRAIN_SHARDS.value})["train_shards"]
    defaults = shard_settings(shards) if shards else {}
    if published:
        defaults |= published.data_settings()
    settings = data_flags.data_settings(defaults | (initial_flags(initial) if initial else {}))
    settings["train_shards"] = shards
    if shards and settings["task"] != "retrieval":
        raise ValueError(
            f"--train_shards is for --task=retrieval. Received: --task={settings['task']}"
        )
    trained_encoders.check_flags(settings)
    settings["published"] = _RECIPE.value if published else None
    settings["init_from"] = str(initial.directory.resolve()) if initial else None
    recipes = [_recipe(settings, network, initial) for network in _networks(published)]
    settings["teacher"] = teachers.teachers_named()
    teachers.check_taught(settings, recipes)
    if published:
        print(f"{_RECIPE.value}: {published.source}. {published.note}", flush=True)
    loaded = ["validation"] if shards else ["train", "validation"]
    splits = run_data.load_splits(settings, loaded)
    if not shards:
        teachers.check_features(settings, splits["train"])
    settings |= run_data.encoders_needed(settings, splits["validation"])
    settings |= trained_encoders.shortened_encoders(settings)
    settings["trained_on"] = {split: data_digest(corpus) for split, corpus in splits.items()}
    if shards:
        check_shard_settings(shards, settings)
        settings["trained_on"]["train"] = shards_digest(shards)
    check_text_encoder(settings)
    if initial:
        check_initial(initial, settings)
    blocks = trained_encoders.trained_blocks(settings, splits)
    words = settings["text_encoder"] in WORD_ENCODERS
    check_recipes(recipes, bool(blocks) or words, shards, strategy)
    for recipe in recipes:
        run.start(settings, recipe.settings())
    word_encoder = None if shards else fitted_word_encoder(run, splits["train"])
    encoders = {"text_encoder": word_encoder, **blocks}
    with loaded_once():
        features = {name: run_data.encoded(run, corpus, name) for name, corpus in splits.items()}
        teacher = None if shards else teachers.taught(settings, splits["train"])
    train = sample_of_shards(shards) if shards else features["train"]
    for recipe in recipes:
        for seed in map(int, _SEEDS.value):
            long = "in closed form" if recipe.network == "cca" else f"{recipe.epochs} epochs"
            print(f"{recipe.network} network, seed {seed}: {long}", flush=True)
            directory = run.seed_directory(recipe.network, seed)
            begun = None
            if initial:
                begun = initial.network(recipe.network, initial.best_seed(recipe.network))
            train_network(
                train,
                features["validation"],
                recipe,
                directory,
                seed,
                initial=begun,
                strategy=strategy,
                shards=shards,
                teacher=teacher,
                **encoders,
            )
    if not is_chief(strategy):
        return
    for recipe in recipes:
        for result in run.results(recipe.network):
            print(
                f"{recipe.network} network, seed {result['seed']}: {result['monitor']} "
                f"{result['figure']:.1f}, {result['seconds']} s"
            )
    pictures = train.num_images if train.grounding is None else train.grounding.num_pictures
    if pictures < _FEW:
        print(f"{pictures} training pictures are few: it will know little but what is like them.")
    searchable = set(run.networks()) - {"similarity"}
    if settings["task"] == "retrieval" and settings["image_encoder"] and searchable:
        print(f'Next: tb-search --run={_RUN.value} "what you look for"')
    print(f"Next: tb-evaluate --run={_RUN.value}   tb-export --run={_RUN.value}")


def _recipe(settings: dict, network: str, initial: Run | None) -> Recipe:
    changes = {name: f.value for name, f in _SETTINGS.items() if f.value is not None}
    for flag in ("joint_dims", "matryoshka_dims"):
        if not all(size.isdecimal() for size in changes.get(flag, ())):
            raise ValueError(
                f"--{flag} must be positive ints, separated by commas. "
                f"Received: --{flag}={','.join(changes[flag])}"
            )
        if flag in changes:
            changes[flag] = tuple(map(int, changes[flag]))
    if initial:
        return initial_recipe(initial, network, changes)
    published = PUBLISHED_RECIPES.get(_RECIPE.value)
    if published and published.recipe.network == network:
        return dataclasses.replace(published.recipe, **changes)
    known, name = RECIPES[settings["task"], network], "paper" if published else _RECIPE.value
    if settings["text_encoder"] in WORD_ENCODERS and "small_from_random" in known:
        name = name.replace("small", "small_from_random")
    implied: dict[str, Any] = {}
    shared = share_a_space(settings["image_encoder"], settings["text_encoder"])
    if shared and settings["task"] == "retrieval" and name == "small":  # regions have a place, too
        implied |= {"start": "shared", "interpolate": True}
    if rows := trained_encoders.rows_at_a_time():
        implied["gradient_cache_rows"] = rows
    return dataclasses.replace(known[name], **implied | changes)


def _networks(published: PublishedRecipe | None) -> list[str]:
    given = flags.FLAGS["network"].present
    return [published.recipe.network] if published and not given else _NETWORK.value


if __name__ == "__main__":
    run_main("tb-train", main)
