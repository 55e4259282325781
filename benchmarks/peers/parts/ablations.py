"""The paper's ablations: one direction, the neighbourhood constraint, sampling, the negatives."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from benchmarks.choices.ablation import ablation_table
from benchmarks.choices.trained_figures import trained_figures
from benchmarks.peers.workers import shared_out
from tb_keras.corpus.corpus import Corpus
from tb_keras.datasets import load
from tb_keras.features import encode_corpus
from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.recipe import Recipe

_FIGURES = ("i2t_recall@1", "t2i_recall@1", "rsum", "t2t_recall@1", "i2i_recall@1")
_MOST_PICTURES = 5  # that a keyword may name: more, as of "nature", say little about any of them
_VIEWS = {
    "text view": ["text_neighborhood_weight"],
    "image view": ["image_neighborhood_weight"],
    "both views": ["text_neighborhood_weight", "image_neighborhood_weight"],
}
# By table and row: what is changed in `_reference`.
_TABLES = {
    "Direction": {
        "images as anchors only": {"text_anchor_weight": 0.0},
        "texts as anchors only": {"image_anchor_weight": 0.0},
        "both": {},
    },
    "Neighbourhood constraint": {
        "none": {},
        **{
            f"{view}, {weight}": dict.fromkeys(names, weight)
            for view, names in _VIEWS.items()
            for weight in (0.05, 0.1, 0.2)
        },
    },
    "Neighbourhood sampling": {
        "off: 1 text an image": {"texts_per_image": 1},
        "2 texts an image": {},
        "3 texts an image": {"texts_per_image": 3},
    },
    "Nearest negatives": {
        "1": {"top_k": 1},
        "10": {"top_k": 10},
        "30": {},
        "50": {"top_k": 50},
        "all": {"top_k": 0},
    },
}

FULL = {"tables": tuple(_TABLES), "epochs": 6, "pictures": None, "workers": 2}
SMALL = {"tables": ("Neighbourhood sampling",), "epochs": 1, "pictures": 24, "workers": 0}


def measure(
    file: Path,
    repetitions: int,
    tables: Sequence[str],
    epochs: int,
    pictures: int | None,
    workers: int,
) -> dict:
    """Trains with every setting of some tables over several seeds.

    Args:
        file: beside which the figures of each training are kept as they come.
        repetitions: seeds.
        tables: names of tables.
        epochs: of each training.
        pictures: of each split; all if None.
        workers: trainings at a time, on one thread each; 0 for this process.
    """
    corpora = {split: _encoded(split, pictures) for split in ("train", "validation")}
    jobs, keys = {}, {}
    for table in tables:
        for row, changes in _TABLES[table].items():
            recipe = dataclasses.replace(_reference(), epochs=epochs, **changes)
            for seed in range(repetitions):
                settings = json.dumps([dataclasses.asdict(recipe), pictures, seed], sort_keys=True)
                digest = hashlib.sha256(settings.encode()).hexdigest()
                # The same training stands in several tables, under the name it has in the first.
                key = keys.setdefault(digest, f"{table}, {row}, seed {seed} ({digest[:12]})")
                jobs[key] = recipe, seed, pictures
                keys[table, row, seed] = key
    measured = shared_out(file.with_suffix(".jsonl"), _trained, jobs, workers)
    return {
        "epochs": epochs,
        "seeds": repetitions,
        "workers": workers,
        "corpora": {split: _size(corpus) for split, corpus in corpora.items()},
        "recipe": {table: _row_of_recipe(table) for table in tables},
        "tables": {
            table: {
                row: [measured[keys[table, row, seed]] for seed in range(repetitions)]
                for row in _TABLES[table]
            }
            for table in tables
        },
    }


def section(figures: dict) -> str:
    train, validation = (figures["corpora"][split] for split in ("train", "validation"))
    paragraphs = [
        "## Ablations of the paper",
        f"""The embedding network from random weights (the recipe "small_from_random"), on \
OpenMoji with EfficientNet-Lite0 and MiniLM features: {train["images"]:,} pictures with \
{train["texts"]:,} texts to train on, which are their names, all their keywords as one text, and \
each keyword that two to five of them share. So there are several texts a picture \
({train["texts_per_image"]:.1f} in the mean) and several pictures a text \
({train["shared_texts"]:,} texts have more than one). Each table changes one thing of: both \
directions, no constraint, 2 texts an image, 30 nearest negatives; the recipe's own setting of it \
is marked.

Figures are those of the last epoch, of {figures["epochs"]}, on the validation split \
({validation["images"]:,} pictures, {validation["texts"]:,} texts), not on the test split: in \
percent, mean ± standard deviation over {figures["seeds"]} seeds. t2t is the retrieval of a \
picture's other texts by one of its texts, i2i that of a text's other pictures by one of them.""",
    ]
    for table, rows in figures["tables"].items():
        marked = {row: _marked(row, figures["recipe"][table]) for row in rows}
        measured = {
            f"{marked[row]}, seed {seed}": run
            for row, runs in rows.items()
            for seed, run in enumerate(runs)
        }
        settings = {row: {} for row in marked.values()}
        cells = ablation_table(measured, settings, figures["seeds"], _FIGURES)
        paragraphs += [f"### {table}", cells.strip()]
    return "\n\n".join(paragraphs) + "\n"


def losing(figures: dict) -> list[str]:
    sentences = []
    for table, rows in figures["tables"].items():
        default = figures["recipe"][table]
        if default is None:
            continue
        for figure in ("rsum", "t2t_recall@1"):
            best = max(rows, key=lambda row: _mean(rows[row], figure))
            gain = _mean(rows[best], figure) - _mean(rows[default], figure)
            if gain > _deviation(rows[best], figure):
                sentences.append(
                    f"{table}: {figure} is {_shown(rows[best], figure)} with “{best}”, but "
                    f"{_shown(rows[default], figure)} with “{default}”, the recipe's setting."
                )
    return sentences


def _reference() -> Recipe:
    """The recipe as it is released, but for what the tables change."""
    return dataclasses.replace(
        RECIPES["retrieval", "embedding"]["small_from_random"],
        loss="ranking",
        image_neighborhood_weight=0.0,
        text_neighborhood_weight=0.0,
        texts_per_image=2,
        top_k=30,
    )


def _row_of_recipe(table: str) -> str | None:
    """The row with the recipe's own setting of what the table changes, if it has one."""
    own = RECIPES["retrieval", "embedding"]["small_from_random"]
    changed = {name for changes in _TABLES[table].values() for name in changes}
    for row, changes in _TABLES[table].items():
        recipe = dataclasses.replace(_reference(), **changes)
        if all(getattr(recipe, name) == getattr(own, name) for name in changed):
            return row
    return None


@functools.lru_cache(maxsize=2)
def _encoded(split: str, pictures: int | None) -> Corpus:
    corpus = load("openmoji", split=split, text_kinds=("name", "keywords", "keyword"))
    if pictures is not None:
        corpus = corpus.subset(images=range(pictures))
    named = corpus.matches.images_per_text()
    shared = (named >= 2) & (named <= _MOST_PICTURES)
    single = np.array(corpus.text_attributes["kind"]) == "keyword"
    return encode_corpus(corpus.subset(texts=~single | shared), "efficientnet_lite0")


def _trained(recipe: Recipe, seed: int, pictures: int | None) -> dict[str, float]:
    keras.backend.clear_session()  # else what former jobs built stays in memory
    # Each network traces its own functions, of which TensorFlow warns as of repeated tracing.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    corpora = (_encoded(split, pictures) for split in ("train", "validation"))
    figures = trained_figures(*corpora, recipe, seed)
    return {name: round(figures[name], 3) for name in _FIGURES}


def _size(corpus: Corpus) -> dict:
    return {
        "images": corpus.num_images,
        "texts": corpus.num_texts,
        "texts_per_image": float(corpus.matches.texts_per_image().mean()),
        "shared_texts": int((corpus.matches.images_per_text() > 1).sum()),
    }


def _marked(row: str, default: str | None) -> str:
    return f"{row} (the recipe's)" if row == default else row


def _mean(runs: list[dict], figure: str) -> float:
    return float(np.mean([run[figure] for run in runs]))


def _deviation(runs: list[dict], figure: str) -> float:
    return float(np.std([run[figure] for run in runs], ddof=min(1, len(runs) - 1)))


def _shown(runs: list[dict], figure: str) -> str:
    return f"{_mean(runs, figure):.1f} ± {_deviation(runs, figure):.1f}"
