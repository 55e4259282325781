"""What training the encoders gives on photographs, and what other parts of the training give.

    python -m benchmarks.photographs.trained_encoders --data=flickr8k

Trains on Flickr8k with the last blocks of an encoder, or with one part of the default training
changed, and measures on the validation split after the last epoch. Each row is compared with the
default on the same texts, photograph by photograph. Writes trained_encoders.md and
trained_encoders.json beside this file; what is in the JSON is not measured again.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import app

from benchmarks.choices.ablation import ablation_table, measured_in_turn, over_seeds
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
from tb_keras.corpus import Corpus
from tb_keras.encoders import last_image_blocks, last_text_blocks
from tb_keras.evaluation import paired_difference, retrieval_hits
from tb_keras.evaluation.picture_bootstrap import figure_error, figure_of_hits
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import RECIPES, Recipe, from_recipe, interpolate, teacher_embeddings

_TOKENS = 32
_OTHER_SEEDS = 1000
_DEFAULT = "the default"
_ONE_EPOCH = {"epochs": 1, "image_encoder_rate": 0.3, "text_encoder_rate": 0.1}
_GENTLE = {"warm_up": 0.2, "weight_decay": 0.01, "clip_norm": 1.0}
_MIRRORED = {"blocks": 4, "crops": 2}
_TAUGHT = {"teachers": [{}, {}, {}]}  # by the default, with other seeds
_CHUNKS = {"gradient_cache_rows": 500}  # as tb-train has it
_OF_ENCODERS: dict[str, dict[str, Any]] = {
    "last block of the image encoder": {"blocks": 1},
    "last 2 blocks": {"blocks": 2},
    "last 4 blocks": {"blocks": 4},
    "last 4 blocks, mirror images": _MIRRORED,
    "last 4 blocks, mirror images, three epochs": {**_MIRRORED, "epochs": 3},
    "last 4 blocks, mirror images, taught": {**_MIRRORED, **_TAUGHT},
    "last 4 blocks, warm-up, decay, clipping": {"blocks": 4, **_GENTLE},
}
_OF_SIZES: dict[int, dict[str, dict[str, Any]]] = {
    500: {
        "the default": {},
        "last 4 blocks": {"blocks": 4},
        "last 4 blocks, taught": {"blocks": 4, **_TAUGHT},
        "last 4 blocks, five times as long": {"blocks": 4, "epochs": 5},
    },
    2000: {
        "the default": {},
        "mirror images averaged": {"crops": 2},
        "last 4 blocks": {"blocks": 4},
        "last 4 blocks, mirror images": _MIRRORED,
        "last 4 blocks, mirror images, three epochs": {**_MIRRORED, "epochs": 3},
        "taught": _TAUGHT,
        "last 4 blocks, taught": {"blocks": 4, **_TAUGHT},
        "last layer of the text encoder": {"layers": 1},
        "last 2 layers of the text encoder": {"layers": 2},
        "last 4 blocks, last layer of the text encoder": {"blocks": 4, "layers": 1, **_CHUNKS},
        "last 2 layers, LoRA of rank 8": {"layers": 2, "lora_rank": 8, **_CHUNKS},
        "the default, one epoch as these": {"epochs": 1},
    },
}
_WITH_TFIDF = ("last block of the image encoder", "last 2 blocks", "last 4 blocks")
_OF_TRAINING: dict[str, dict[str, Any]] = {
    "mirror images averaged": {"crops": 2},
    "50 mined images": {"mined_images": 50},
    "InfoNCE": {"loss": "info_nce"},
    "sigmoid": {"loss": "sigmoid"},
    "hardest negative alone": {"loss": "max_violation"},
    "hardest negative alone, after the default": {"loss": "max_violation", "warm": True},
    "taught": _TAUGHT,
    "taught, a tenth as much": {**_TAUGHT, "teacher_weight": 0.1},
    "taught by last 4 blocks, mirror images": {"teachers": [_MIRRORED]},
    "interpolated with the start": {"between": True},
    "moving average of the weights": {"averaged": 0.99},
    "captions with words dropped, too": {"dropped": 0.2},
    "Matryoshka, all dimensions": {"matryoshka_dims": (64, 128, 256)},
    "first 256 dimensions": {"first": 256},
    "first 256, Matryoshka": {"first": 256, "matryoshka_dims": (64, 128, 256)},
    "first 64 dimensions": {"first": 64},
    "first 64, Matryoshka": {"first": 64, "matryoshka_dims": (64, 128, 256)},
}
_COLUMNS = {
    "rsum": "rsum",
    "error": "its error",
    "beyond": "beyond the default",
    "beyond_error": "its error",
    "seconds": "seconds",
}
_TITLES = {"minilm": "MiniLM, which has seen them", "tfidf": "tf-idf, which has not"}


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(DIRECTORY.value) / "trained_encoders.json"
    of_encoders = {
        "minilm": {_DEFAULT: {}, **_OF_ENCODERS},
        "tfidf": {
            _DEFAULT: {},
            **{name: _OF_ENCODERS[name] for name in _WITH_TFIDF},
            "taught by three with MiniLM": {"teachers": [{"texts": "minilm"}] * 3},
        },
    }
    settings = {
        texts: {f"{name}, {texts}": {**rows[name], "texts": texts} for name in rows}
        for texts, rows in of_encoders.items()
    }
    others = {name: {**changes, "texts": "minilm"} for name, changes in _OF_TRAINING.items()}
    sizes = {
        f"{size:,} photographs: {name}": {**changes, "texts": "minilm", "images": size}
        for size, rows in _OF_SIZES.items()
        for name, changes in rows.items()
    }
    together = settings["minilm"] | others | settings["tfidf"] | sizes
    measured = measured_in_turn(file, together, SEEDS.value, _figures)
    train, held_out = flickr8k("train"), flickr8k("validation")
    page = f"""# What training the encoders gives

Written by `python -m benchmarks.photographs.trained_encoders --data=flickr8k \
--seeds={SEEDS.value}`: Flickr8k, {train.num_images:,} training photographs, \
{held_out.num_images:,} of validation, `{IMAGE_ENCODER}`; last epoch, \
{over_seeds(SEEDS.value)}. Encoders are trained for {EPOCHS.value or _ONE_EPOCH["epochs"]} epoch, \
five looks at each photograph, all else for {EPOCHS.value or _recipe({}).epochs}; texts are cut \
after {_TOKENS} tokens. The text encoder is trained on fewer photographs alone, where an epoch is \
short. Those that are taught learn from the scores of three networks of the default beside the \
labels. error is the standard error of rsum over the photographs, beyond the difference from the \
default on the same texts with its own, by a paired bootstrap. {SEEN} {measured_on()}
"""
    for texts, title in _TITLES.items():
        table = ablation_table(measured, settings[texts], SEEDS.value, _COLUMNS)
        page += f"\n## Encoders that are trained, texts by {title}\n\n{table}"
    table = ablation_table(measured, others, SEEDS.value, _COLUMNS)
    page += f"\n## Other parts of the training, MiniLM\n\n{table}"
    table = ablation_table(measured, sizes, SEEDS.value, _COLUMNS)
    write_page(file, f"{page}\n## Fewer photographs, MiniLM\n\n{table}")


def _figures(changes: dict, seed: int) -> dict[str, float]:
    started = time.monotonic()
    hits = _hits(changes, seed)
    seconds = time.monotonic() - started
    default = _of_default(changes["texts"], changes.get("images"), seed)
    beyond = paired_difference([hits], [default])
    return {
        "rsum": float(figure_of_hits(hits)),
        "error": figure_error(hits),
        "beyond": beyond.difference,
        "beyond_error": beyond.error,
        "seconds": seconds,
    }


@functools.cache
def _of_default(texts: str, images: int | None, seed: int) -> np.ndarray:
    return _hits({"texts": texts} | ({"images": images} if images else {}), seed)


def _hits(changes: dict, seed: int) -> np.ndarray:
    """Trains with some changes and returns the hits on the validation split."""
    changes = dict(changes)
    first = changes.pop("first", None)
    held_out, network = _corpus("validation", changes), _trained(changes, seed)
    images = network.embed_images(held_out.image_features)
    texts = network.embed_texts(held_out.text_features)
    if first:
        images, texts = (
            rows[:, :first] / np.linalg.norm(rows[:, :first], axis=1, keepdims=True)
            for rows in (images, texts)
        )
    return retrieval_hits(images, texts, held_out.matches)


def _corpus(split: str, changes: dict) -> Corpus:
    images, texts = IMAGE_ENCODER, changes["texts"]
    if changes.get("blocks"):
        images = f"{images}[:-{changes['blocks']}]"
    if changes.get("layers"):
        texts = f"{texts}[:-{changes['layers']}]"
    dropped = changes.get("dropped", 0.0) if split == "train" else 0.0
    corpus = flickr8k(split, images, texts, changes.get("crops", 1), _TOKENS, dropped)
    if split == "train" and changes.get("images"):
        return some_images(corpus, changes["images"])
    return corpus


def _trained(changes: dict, seed: int) -> EmbeddingNetwork:
    """Trains with some changes on the training split, or on some of its photographs."""
    train, held_out = (_corpus(split, changes) for split in ("train", "validation"))
    changes = dict(changes)
    common = {name: changes.pop(name) for name in ("texts", "images") if name in changes}
    teacher = _teacher([{**common, **one} for one in changes.pop("teachers", [])], seed)
    encoders = {}
    crops = changes.pop("crops", 1)
    if blocks := changes.pop("blocks", 0):
        encoders["image_encoder"] = last_image_blocks(f"{IMAGE_ENCODER}[:-{blocks}]", crops=crops)
    if layers := changes.pop("layers", 0):
        name = f"{common['texts']}[:-{layers}]"
        encoders["text_encoder"] = last_text_blocks(name, max_tokens=_TOKENS)
    warm, between, averaged = (changes.pop(n, 0) for n in ("warm", "between", "averaged"))
    changes.pop("dropped", None)
    dims = changes.pop("matryoshka_dims", ())  # fewer than a start of a few images has
    changes["matryoshka_dims"] = tuple(dim for dim in dims if dim < train.num_images)
    initial = _trained(common, seed) if warm else None
    recipe = _recipe({**(_ONE_EPOCH if encoders else {}), **changes})
    network, model, batches = from_recipe(
        train, recipe, seed, validation=held_out, initial=initial, teacher=teacher, **encoders
    )
    if averaged:
        settings = {**model.optimizer.get_config(), "use_ema": True, "ema_momentum": averaged}
        model.compile(type(model.optimizer).from_config(settings))
    before = network.get_weights()
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
    if between:
        interpolate(network, before, held_out)
    return network


def _teacher(teachers: list[dict], seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Trains teachers with seeds of their own, and returns what they say of the same corpus."""
    if not teachers:
        return None
    return teacher_embeddings(
        (_trained(changes, _OTHER_SEEDS + len(teachers) * seed + number), _corpus("train", changes))
        for number, changes in enumerate(teachers)
    )


def _recipe(changes: dict) -> Recipe:
    recipe = dataclasses.replace(RECIPES["retrieval", "embedding"]["small"], **changes)
    return dataclasses.replace(recipe, epochs=EPOCHS.value or recipe.epochs)


if __name__ == "__main__":
    app.run(main)
