"""Where to start from with two encoders that share a space.

    python -m benchmarks.photographs.shared_space --data=flickr8k

A small pair of such encoders is made here: an embedding network over frozen features, trained on
half of the training photographs of Flickr8k. Its embeddings are the features of everything else.
Networks are trained on 250 to 3,000 other photographs, from each start. The start and the weight of
the interpolation are chosen on one half of the validation split, and the figures are those of the
other half. Writes shared_space.md and shared_space.json beside this file; what is in the JSON is
not measured again.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
from absl import app

from benchmarks.choices.ablation import ablation_table, measured_in_turn, over_seeds
from benchmarks.pages import measured_on, write_page
from benchmarks.photographs.flickr8k import DIRECTORY, EPOCHS, IMAGE_ENCODER, SEEDS, flickr8k
from tb_keras.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import RECIPES, Recipe, from_recipe, interpolate, network_metrics
from tb_keras.training.metrics import embedded_corpus

_SIZES = (250, 1000, 3000)
_STARTS = ("identity", "canonical", "shared")
_COLUMNS = ("untrained", "rsum", "interpolated", "weight")


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(DIRECTORY.value) / "shared_space.json"
    settings = {
        f"{size:,}: {start}": {"images": size, "start": start}
        for size in _SIZES
        for start in _STARTS
    }
    measured = measured_in_turn(file, settings, SEEDS.value, _figures)
    page = f"""# Where two encoders that share a space start from

Written by `python -m benchmarks.photographs.shared_space --data=flickr8k`. The pair is an \
embedding network over `{IMAGE_ENCODER}` and tf-idf vectors, trained on half of Flickr8k's \
training photographs. Networks over its embeddings are trained on photographs of the other half. \
identity is the pair's own cosine before any training (zero-shot), canonical is canonical \
correlation analysis, shared the best of these and both averaged. Interpolated is the best network \
between the start and the trained one, weight its share of the latter. Start and weight are chosen \
on one half of the validation split; the figures, rsum, are of the other half; \
{over_seeds(SEEDS.value)}. {measured_on()}

## Starts

{ablation_table(measured, settings, SEEDS.value, _COLUMNS)}"""
    write_page(file, page)


def _figures(changes: dict, seed: int) -> dict[str, float]:
    train, choosing, held_out = _corpora()
    order = np.random.default_rng(1).permutation(train.num_images)
    some = train.subset(images=order[: changes["images"]])
    recipe = dataclasses.replace(_recipe(), start=changes["start"])
    network, model, batches = from_recipe(some, recipe, seed, validation=choosing)
    before = network.get_weights()
    untrained = network_metrics(network, held_out)["rsum"]
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
    figures = network_metrics(network, held_out)
    weight = interpolate(network, before, choosing).weight
    between = network_metrics(network, held_out)["rsum"]
    return {**figures, "untrained": untrained, "interpolated": between, "weight": weight}


@functools.cache
def _corpora() -> tuple[Corpus, Corpus, Corpus]:
    """Returns the training split of the pair's features and both halves of the validation split."""
    pairs, train = _halves(flickr8k("train", texts="tfidf"))
    pair = _pair(pairs)
    validation = _halves(flickr8k("validation", texts="tfidf"))
    train, choosing, held_out = (embedded_corpus(pair, one) for one in (train, *validation))
    return train, choosing, held_out


def _halves(corpus: Corpus) -> tuple[Corpus, Corpus]:
    order = np.random.default_rng(0).permutation(corpus.num_images)
    middle = len(order) // 2
    return corpus.subset(images=order[:middle]), corpus.subset(images=order[middle:])


def _pair(corpus: Corpus) -> EmbeddingNetwork:
    recipe = _recipe()
    network, model, batches = from_recipe(corpus, recipe)
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
    return network


def _recipe() -> Recipe:
    recipe = RECIPES["retrieval", "embedding"]["small"]
    return dataclasses.replace(recipe, epochs=EPOCHS.value or recipe.epochs)


if __name__ == "__main__":
    app.run(main)
