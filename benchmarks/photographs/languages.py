"""Retrieval of photographs in English, German, French and Czech, by encoders without download.

    python -m benchmarks.photographs.languages --data=multi30k --pictures=Flicker8k_Dataset

Takes the pictures of Multi30K that are in a folder, such as that of Flickr8k, and trains one
network for all languages and one for each, with several text encoders. Measures each language
alone after the last epoch. Writes languages.md and languages.json beside this file,
languages_test.md and languages_test.json with --split=test; what is in the JSON is not measured
again. `--encoders=lstm` and others that are trained with the network take far longer.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from pathlib import Path

import keras
import numpy as np
from absl import app, flags

from benchmarks.choices.ablation import ablation_table, measured_in_turn, over_seeds
from benchmarks.pages import measured_on, write_page
from benchmarks.photographs.picture_words import picture_word_vectors
from tb_keras.corpus import Corpus
from tb_keras.datasets import load
from tb_keras.encoders import WordVectors, fit_text_encoder
from tb_keras.evaluation import by_language
from tb_keras.features import encode_corpus, encode_texts
from tb_keras.training import RECIPES, from_recipe, network_metrics

_DATA = flags.DEFINE_string("data", None, "Directory of Multi30K.", required=True)
_PICTURES = flags.DEFINE_string("pictures", None, "Directory of some of its pictures.")
_SPLIT = flags.DEFINE_enum("split", "validation", ["validation", "test"], "Split to measure on.")
_TASKS = flags.DEFINE_list("tasks", ["1", "2"], "1: translations; 2: five descriptions each.")
_ENCODERS = flags.DEFINE_list(
    "encoders", ["tfidf", "tfidf_characters", "mean_words", "hglmm", "minilm"], "Text encoders."
)
_SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the recipe's.")
_DIM = flags.DEFINE_integer("dim", 300, "Size of the word vectors.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_IMAGE_ENCODER = "efficientnet_lite0_levels"
_LANGUAGES = {1: ("en", "de", "fr", "cs"), 2: ("en", "de")}
_WHAT = {
    1: "a caption and its translations",
    2: "five descriptions in each language, written without sight of each other",
}
_FISHER = {"num_centers": 5, "components": 1000}
_NOTES = (
    (
        {"mean_words", "hglmm"},
        "The word vectors come from the singular vectors of the pictures and words, in all "
        "languages together, of all training pictures of Multi30K, those without a photograph "
        "here too.",
    ),
    (
        {"hglmm"},
        f"`hglmm` has {_FISHER['num_centers']} centres and {_FISHER['components']} components.",
    ),
    (
        {"minilm"},
        "MiniLM was trained on the English captions of Flickr30K, **those of these photographs "
        "too**, and on no other language.",
    ),
)


def main(arguments: list[str]) -> None:
    del arguments
    stem = "languages" if _SPLIT.value == "validation" else "languages_test"
    file = Path(_DIRECTORY.value) / f"{stem}.json"
    tasks = [int(task) for task in _TASKS.value]
    settings = {task: _settings(task) for task in tasks}
    together = {name: changes for task in tasks for name, changes in settings[task].items()}
    measured = measured_in_turn(file, together, _SEEDS.value, _trained)
    page = f"""# Photographs in several languages

Written by `python -m benchmarks.photographs.languages --data=multi30k \
--pictures=Flicker8k_Dataset`: the photographs of Multi30K that are in Flickr8k, \
`{_IMAGE_ENCODER}`, {_SPLIT.value} split; mean recall (of 1, 5 and 10, in both directions) in \
each language alone, last epoch, {over_seeds(_SEEDS.value)}. A network \
for all languages is trained with all texts; in the other rows each language has a network and \
an encoder of its own. Encoders are fitted to the training texts, and all \
networks start from linear maps (`--landmarks=0`). \
{" ".join(note for names, note in _NOTES if names & set(_ENCODERS.value))} {measured_on()}
"""
    for task in tasks:
        train, held_out = (_captions(split, task, None) for split in ("train", _SPLIT.value))
        columns = (*_LANGUAGES[task], "mean", "seconds")
        page += f"""
## Task {task}: {_WHAT[task]}

{train.num_images:,} photographs with {train.num_texts:,} texts to train on, \
{held_out.num_images:,} with {held_out.num_texts:,} to measure on.

{ablation_table(measured, settings[task], _SEEDS.value, columns)}"""
    write_page(file, page)


def _settings(task: int) -> dict[str, dict]:
    return {
        f"task {task}, {encoder}, {networks}": {"task": task, "encoder": encoder, "each": each}
        for encoder in _ENCODERS.value
        for networks, each in (("one network for all", False), ("one for each", True))
    }


def _trained(changes: dict, seed: int) -> dict[str, float]:
    """Returns the mean recall of each language, and the seconds of the training or trainings."""
    task, encoder = changes["task"], changes["encoder"]
    groups = _LANGUAGES[task] if changes["each"] else [None]
    found, seconds = {}, 0.0
    for language in groups:
        train, held_out, words = _encoded(task, encoder, language)
        recipe = RECIPES["retrieval", "embedding"]["small_from_random" if words else "small"]
        # Kernels would be taken for one language alone, which has fewer texts.
        recipe = dataclasses.replace(recipe, landmarks=0, epochs=_EPOCHS.value or recipe.epochs)
        started = time.monotonic()
        network, model, batches = from_recipe(train, recipe, seed, words)
        model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
        seconds += time.monotonic() - started
        parts = by_language(held_out)
        del parts["all"]
        for name, part in parts.items():
            found[name] = network_metrics(network, part)["mean_recall"]
    return {**found, "mean": float(np.mean(list(found.values()))), "seconds": seconds}


@functools.lru_cache(maxsize=4)
def _encoded(task: int, encoder: str, language: str | None):
    """Returns the training and the held-out corpus, and what is trained with the network."""
    corpora = [_captions(split, task, language) for split in ("train", _SPLIT.value)]
    words = None
    fitted: str | keras.Model = encoder
    if encoder != "minilm":
        vectors = _word_vectors() if encoder in ("mean_words", "hglmm") else None
        options = _FISHER if encoder == "hglmm" else {}
        texts = corpora[0].texts
        fitted, words = fit_text_encoder(encoder, texts, vectors, verbose=False, **options)
    corpora = [c.replace(text_features=encode_texts(c.texts, fitted)) for c in corpora]
    return (*(encode_corpus(corpus, _IMAGE_ENCODER) for corpus in corpora), words)


@functools.cache
def _captions(split: str, task: int, language: str | None) -> Corpus:
    languages = _LANGUAGES[task] if language is None else language
    options = {"pictures": _PICTURES.value} if _PICTURES.value else {}
    return load(
        "multi30k", _DATA.value, split, task=task, languages=languages, missing="drop", **options
    )


@functools.cache
def _word_vectors() -> WordVectors:
    corpus = load("multi30k", _DATA.value, "train", languages="all")
    return picture_word_vectors(corpus, _DIM.value)


if __name__ == "__main__":
    app.run(main)
