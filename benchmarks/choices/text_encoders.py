"""Text encoders beside each other: which features suit short texts.

    python -m benchmarks.choices.text_encoders

Trains an embedding network on the OpenMoji training split, with each text encoder and several seeds
by the recipe that tb-train takes for it, and measures on the validation split after the last epoch.
So nothing is chosen on the split it is measured on, and the test split is for the demo's figures
alone. Encoders are fitted to the training texts. Word vectors are those of MiniLM, each word alone.
Writes text_encoders.md and text_encoders.json beside this file; what is in the JSON is not run
again.
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
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS
from tb_keras.encoders.text.words import count_words
from tb_keras.features import encode_images, encode_texts
from tb_keras.features.encoded_words import encoded_word_vectors
from tb_keras.training.recipes.named_recipes import RECIPES

_SEEDS = flags.DEFINE_integer("seeds", 3, "How many seeds.")
_EPOCHS = flags.DEFINE_integer("epochs", None, "Epochs, if not the recipe's.")
_PICTURES = flags.DEFINE_integer("pictures", None, "Pictures of each split, if not all.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_SETTINGS = {
    "tfidf": {"encoder": "tfidf"},
    "tfidf_characters": {"encoder": "tfidf_characters"},
    "mean_words": {"encoder": "mean_words", "vectors": "minilm"},
    "attended_words": {"encoder": "attended_words", "vectors": "minilm"},
    "lstm": {"encoder": "lstm", "vectors": "minilm"},
    "hglmm": {"encoder": "hglmm", "vectors": "minilm"},
    "minilm": {"encoder": "minilm"},
}
_COLUMNS = ("i2t_recall@1", "i2t_recall@10", "t2i_recall@1", "t2i_recall@10", "rsum", "seconds")


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(_DIRECTORY.value) / "text_encoders.json"
    measured = measured_in_turn(file, _SETTINGS, _SEEDS.value, _trained)
    page = f"""# Text encoders

Written by `python -m benchmarks.choices.text_encoders`: OpenMoji (names and lists of keywords), \
validation split, last epoch, mean ± standard deviation over {_SEEDS.value} seeds; seconds are \
those of the training alone. Encoders that are trained with the network \
({", ".join(WORD_ENCODERS)}) start from random weights, all others from canonical correlation \
analysis. {measured_on()}

{ablation_table(measured, _SETTINGS, _SEEDS.value, _COLUMNS)}"""
    write_page(file, page)


@functools.cache
def _loaded(split: str) -> Corpus:
    corpus = load("openmoji", split=split)
    some = corpus.subset(images=range(min(_PICTURES.value or corpus.num_images, corpus.num_images)))
    return some.replace(image_features=encode_images(some.image_paths, "efficientnet_lite0_levels"))


@functools.cache
def _encoded(encoder: str, vectors: str | None):
    """Both corpora with text features, and what is trained with the network."""
    corpora = [_loaded(split) for split in ("train", "validation")]
    words = None
    if encoder != "minilm":
        texts = corpora[0].texts
        if vectors:
            vectors = encoded_word_vectors(list(count_words(texts).texts_with), vectors)
        encoder, words = fit_text_encoder(encoder, texts, vectors)
    return [c.replace(text_features=encode_texts(c.texts, encoder)) for c in corpora], words


def _trained(changes: dict, seed: int) -> dict[str, float]:
    (train, validation), words = _encoded(changes["encoder"], changes.get("vectors"))
    recipe = RECIPES["retrieval", "embedding"]["small" if words is None else "small_from_random"]
    recipe = dataclasses.replace(recipe, epochs=_EPOCHS.value or recipe.epochs)
    return trained_figures(train, validation, recipe, seed, words)


if __name__ == "__main__":
    app.run(main)
