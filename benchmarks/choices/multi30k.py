"""Neighbourhood constraint and sampling at the size of Flickr30K, on Multi30K's descriptions.

    python -m benchmarks.choices.multi30k --data=multi30k

Multi30K gives each of Flickr30K's pictures five English and five German descriptions, written
without sight of each other. Here no picture is used: the German descriptions, as one bag of words,
stand for it, and an embedding network matches them with the English ones. What is looked at is
retrieval among the English descriptions: of the others of the same picture by one of them. Trains
on 29,000 pictures, with several seeds, and measures on the 1,000 of the test split after the last
epoch; no setting was chosen on it. Writes multi30k.md and multi30k.json beside this file; what is
in the JSON is not run again.
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
from tb_keras.encoders.text.fitted_text_encoder import fit_text_encoder
from tb_keras.encoders.text.words import count_words
from tb_keras.features import encode_texts
from tb_keras.features.encoded_words import encoded_word_vectors
from tb_keras.training.recipes.recipe import Recipe

_DATA = flags.DEFINE_string("data", None, "Directory of Multi30K, with task2 in it.", required=True)
_SPLIT = flags.DEFINE_string("split", "test", "Split to measure on.")
_SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", 3, "Epochs.")
_IMAGES_PER_BATCH = flags.DEFINE_integer("images_per_batch", 500, "Pictures in a batch.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_SETTINGS = {
    "sampling off, constraint off": {"texts_per_image": 1, "text_neighborhood_weight": 0.0},
    "sampling 2, constraint off": {"texts_per_image": 2, "text_neighborhood_weight": 0.0},
    "sampling 2, constraint 0.05": {"texts_per_image": 2, "text_neighborhood_weight": 0.05},
    "sampling 2, constraint 0.5": {"texts_per_image": 2, "text_neighborhood_weight": 0.5},
}
_COLUMNS = ("t2t_recall@1", "t2t_recall@10", "i2t_recall@1", "t2i_recall@1", "rsum", "seconds")
_WORDS = 5000  # in each language's vocabulary


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(_DIRECTORY.value) / "multi30k.json"
    measured = measured_in_turn(file, _SETTINGS, _SEEDS.value, _trained)
    train, held_out = _corpora()
    page = f"""# Neighbourhoods at the size of Flickr30K

Written by `python -m benchmarks.choices.multi30k --data=multi30k`: \
{train.num_images:,} training pictures \
with {train.num_texts:,} English descriptions, {held_out.num_images:,} of the {_SPLIT.value} split \
with {held_out.num_texts:,}; last of {_EPOCHS.value} epochs, mean ± standard deviation over \
{_SEEDS.value} seeds. **No pictures: the five German descriptions of a picture, as a bag of words, \
stand for it** (i); English descriptions are means of word vectors (t). t2t is retrieval of a \
picture's other English descriptions by one of them. {measured_on()}

{ablation_table(measured, _SETTINGS, _SEEDS.value, _COLUMNS)}"""
    write_page(file, page)


@functools.cache
def _corpora() -> tuple[Corpus, Corpus]:
    """Training and held-out corpus with the features of both languages."""
    english, german = (
        [_loaded(split, language) for split in ("train", _SPLIT.value)] for language in ("en", "de")
    )
    descriptions = [
        [_joined(corpus, image) for image in range(corpus.num_images)] for corpus in german
    ]
    of_pictures = _encoder("tfidf", descriptions[0])
    of_texts = _encoder("mean_words", english[0].texts)
    train, held_out = (
        corpus.replace(
            image_features=encode_texts(strings, of_pictures),
            text_features=encode_texts(corpus.texts, of_texts),
        )
        for corpus, strings in zip(english, descriptions)
    )
    return train, held_out


def _joined(corpus: Corpus, image: int) -> str:
    return " ".join(corpus.texts[text] for text in corpus.matches.texts_of(image))


def _loaded(split: str, language: str) -> Corpus:
    return load("multi30k", _DATA.value, split, task=2, languages=language)


def _encoder(name: str, texts: list[str]):
    """An encoder that is fitted to texts."""
    vectors = None
    if name == "mean_words":
        vectors = encoded_word_vectors(list(count_words(texts).texts_with))
    return fit_text_encoder(name, texts, vectors, max_vocabulary=_WORDS).encoder


def _trained(changes: dict, seed: int) -> dict[str, float]:
    train, held_out = _corpora()
    recipe = Recipe(
        hidden_dim=512,
        embedding_dim=256,
        images_per_batch=_IMAGES_PER_BATCH.value,
        learning_rate=1e-3,
        epochs=_EPOCHS.value,
    )
    recipe = dataclasses.replace(recipe, **changes)
    return trained_figures(train, held_out, recipe, seed)


if __name__ == "__main__":
    app.run(main)
