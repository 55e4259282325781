"""The figures on Flickr8k: the default, its parts, baselines, and what was published.

    python -m benchmarks.photographs.accuracy --data=flickr8k
    python -m benchmarks.photographs.accuracy --data=flickr8k --split=test

Trains with default settings, several seeds, and measures on the validation split, or on the test
split, which nothing was chosen on. Writes accuracy.md and accuracy.json beside this file, with
--split=test accuracy_test.md and accuracy_test.json; what is in the JSON is not measured again.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.choices.ablation import ablation_table, measured_in_turn
from benchmarks.pages import measured_on, write_page
from benchmarks.photographs.flickr8k import DIRECTORY, EPOCHS, SEEDS, SEEN, flickr8k
from tb_keras.corpus import Corpus
from tb_keras.evaluation import KernelCCABaseline, RegularizedCCABaseline, paired_difference
from tb_keras.evaluation.hits_by_picture import hits_of_ranks
from tb_keras.evaluation.ranks import ranks_from_embeddings, ranks_from_scores
from tb_keras.evaluation.retrieval import figures_of_ranks
from tb_keras.networks import PairScorer
from tb_keras.training import PUBLISHED_RECIPES, RECIPES, fit_reranker, from_recipe
from tb_keras.training.metrics import embedded_corpus
from tb_keras.training.reranking.scored_candidates import ScoredCandidates

_SPLIT = flags.DEFINE_enum("split", "validation", ["validation", "test"], "Split to measure on.")
_DEFAULT_SEEDS = flags.DEFINE_integer("default_seeds", 5, "How many seeds of the default.")
_IMAGE_ENCODER = flags.DEFINE_string(
    "image_encoder", "efficientnet_lite0_levels", "Image encoder, as tb-train takes it."
)

Ranks = tuple[np.ndarray, np.ndarray]

_KS = (1, 5, 10)
_CLOSED = {"regularised CCA": RegularizedCCABaseline, "kernel CCA": KernelCCABaseline}
_RANDOM = "embedding network from random weights"
_NETWORKS = {
    "similarity network": ("similarity", "small"),
    _RANDOM: ("embedding", "small_from_random"),
}
_DEFAULT = "embedding network, the default"
_SECOND_STAGE = "embedding, then both networks"
_THREE = "three embedding networks, scores added"
_TEXTS = {"minilm": "MiniLM, which has seen them", "tfidf": "tf-idf, which has not"}
_PUBLISHED = ("flickr8k_vgg_hglmm",)
_COLUMNS = {f"{way}_recall@{k}": f"{way} R@{k}" for way in ("i2t", "t2i") for k in _KS}
_COLUMNS |= {"rsum": "rsum", "error": "its error", "beyond": "beyond the default"}
_COLUMNS |= {"beyond_error": "its error"}


def main(arguments: list[str]) -> None:
    del arguments
    stem = "accuracy" if _SPLIT.value == "validation" else "accuracy_test"
    file = Path(DIRECTORY.value) / f"{stem}.json"
    both = {_DEFAULT: _DEFAULT_SEEDS.value, **dict.fromkeys((*_CLOSED, _RANDOM), 1)}
    more = dict.fromkeys(("similarity network", _SECOND_STAGE), SEEDS.value) | {_THREE: 1}
    rows_of = {"minilm": both | more, "tfidf": both}
    jobs = [(texts, name) for texts, names in rows_of.items() for name in names]
    for texts, name in sorted(jobs, key=lambda job: job[1] == _RANDOM):  # takes longest
        measured_in_turn(file, _row(name, texts), rows_of[texts][name], _figures)
    tables = []
    for texts, title in _TEXTS.items():
        table = ""
        for name, seeds in rows_of[texts].items():
            measured = measured_in_turn(file, _row(name, texts), seeds, _figures)
            rows = ablation_table(measured, _row(name, texts), seeds, _COLUMNS).splitlines()
            row = rows[-1].replace(f", {texts}", "", 1)
            table += "\n".join([*rows[: 2 * (not table)], row]) + "\n"
        tables.append(f"## Texts by {title}\n\n{table}")
    held_out = flickr8k(_SPLIT.value, _IMAGE_ENCODER.value)
    page = f"""# Accuracy on Flickr8k

Written by `python -m benchmarks.photographs.accuracy --data=flickr8k\
{" --split=test" * (_SPLIT.value == "test")}`: {flickr8k("train").num_images:,} training \
photographs of 224 x 224 pixels, {held_out.num_images:,} of the {_SPLIT.value} split, \
`{_IMAGE_ENCODER.value}`; mean ± standard deviation over {_DEFAULT_SEEDS.value} seeds of the \
default, {SEEDS.value} of the similarity network and of both stages, and one of all else. An error \
is the standard error over the photographs that are asked for, by a bootstrap; that of the \
difference from the default is paired. Each query is answered alone. {SEEN} {measured_on()}

{chr(10).join(tables)}
## Published

{_published_table()}
"""
    write_page(file, page)


def _row(name: str, texts: str) -> dict[str, dict]:
    return {f"{name}, {texts}": {"name": name, "texts": texts}}


def _published_table() -> str:
    rows = []
    for name in _PUBLISHED:
        recipe = PUBLISHED_RECIPES[name]
        figures = [recipe.published[column] for column in list(_COLUMNS)[: 2 * len(_KS)]]
        what = f"{recipe.source}: {recipe.image_encoder} and {recipe.text_encoder}"
        rows.append([what, *figures, sum(figures)])
    headers = ["", *list(_COLUMNS.values())[: 2 * len(_KS) + 1]]
    return tabulate(rows, headers, "github", floatfmt=".1f")


def _figures(changes: dict, seed: int) -> dict[str, float]:
    matches = flickr8k(_SPLIT.value, _IMAGE_ENCODER.value, changes["texts"]).matches
    ranks, default = (_ranks(name, changes["texts"], seed) for name in (changes["name"], _DEFAULT))
    figures = figures_of_ranks(*ranks, matches, _KS)
    hits, of_default = (hits_of_ranks(*found, matches, _KS) for found in (ranks, default))
    beyond = paired_difference([hits], [of_default])
    return {
        **{column: figures[column] for column in _COLUMNS if column in figures},
        "error": figures["rsum_error"],
        "beyond": beyond.difference,
        "beyond_error": beyond.error,
    }


def _corpora(texts: str) -> tuple[Corpus, Corpus, Corpus]:
    names = ("train", "validation", _SPLIT.value)
    train, validation, held_out = (flickr8k(name, _IMAGE_ENCODER.value, texts) for name in names)
    return train, validation, held_out


@functools.cache
def _ranks(name: str, texts: str, seed: int) -> Ranks:
    """Returns the ranks of the image queries and the text queries."""
    train, validation, held_out = _corpora(texts)
    if name in _CLOSED:
        baseline = _CLOSED[name](train, validation)
        images = baseline.embed_images(held_out.image_features)
        return ranks_from_embeddings(
            images, baseline.embed_texts(held_out.text_features), held_out.matches
        )
    first = _network(_DEFAULT, texts, seed)
    if name == _THREE:
        embedded = [embedded_corpus(_network(_DEFAULT, texts, s), held_out) for s in range(3)]
        views = [[c.image_features for c in embedded], [c.text_features for c in embedded]]
        images, found = (np.concatenate(view, axis=1) for view in views)
        return ranks_from_embeddings(images, found, held_out.matches)
    if name == _SECOND_STAGE:
        reranker = fit_reranker(first, _network("similarity network", texts, seed), validation)
        scored = ScoredCandidates(reranker, embedded_corpus(reranker, held_out))
        return scored.ranks(reranker)
    network = _network(name, texts, seed)
    embedded = embedded_corpus(network, held_out)
    views = embedded.image_features, embedded.text_features
    if name == "similarity network":
        blocks = list(network.fuse_blocks(*views))
        return ranks_from_scores(lambda: iter(blocks), held_out.matches)
    return ranks_from_embeddings(*views, held_out.matches)


@functools.cache
def _network(name: str, texts: str, seed: int) -> PairScorer:
    kind, recipe_name = _NETWORKS.get(name, ("embedding", "small"))
    train, validation, _ = _corpora(texts)
    recipe = RECIPES["retrieval", kind][recipe_name]
    recipe = dataclasses.replace(recipe, epochs=EPOCHS.value or recipe.epochs)
    network, model, batches = from_recipe(train, recipe, seed, validation=validation)
    model.fit(batches(0), epochs=recipe.epochs, shuffle=False, verbose=0)
    return network


if __name__ == "__main__":
    app.run(main)
