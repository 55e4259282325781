"""Tests of the paper's ablations: what is trained, and what the page says of it."""

import dataclasses
import json

import numpy as np
import pytest

from benchmarks.peers.parts import ablations
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.training.recipes.named_recipes import RECIPES
from tests.benchmarks.table_cells import unpadded

CONSTRAINTS = [(text, 0.0) for text in (0.05, 0.1, 0.2)]
CONSTRAINTS += [(0.0, image) for image in (0.05, 0.1, 0.2)]
CONSTRAINTS += [(both, both) for both in (0.05, 0.1, 0.2)]


@pytest.fixture
def corpora(monkeypatch):
    """Made-up corpora in place of OpenMoji, whose texts have one or two images."""
    rng = np.random.default_rng(0)
    pairs = [(image, text) for image in range(9) for text in (2 * image, 2 * image + 1)]
    matches = Matches([*pairs, (0, 2), (4, 3)], 9, 18)
    features = (rng.standard_normal((9, 6)), rng.standard_normal((18, 5)))
    corpus = Corpus(matches, *(array.astype("float32") for array in features))
    monkeypatch.setattr(ablations, "_encoded", lambda split, pictures: corpus)
    return corpus


def kept_jobs(monkeypatch, tmp_path, figures, repetitions=2, tables=ablations.FULL["tables"]):
    """Runs `measure` with figures in place of trainings; also returns what was to be trained."""
    asked = {}

    def shared_out(file, function, jobs, workers):
        asked.update(jobs)
        return {key: figures(*arguments[:2]) for key, arguments in jobs.items()}

    monkeypatch.setattr(ablations, "shared_out", shared_out)
    sizes = {**ablations.FULL, "tables": tables}
    measured = ablations.measure(tmp_path / "ablations.json", repetitions, **sizes)
    return json.loads(json.dumps(measured)), asked


def row(rsum, t2t=50.0):
    return {
        "i2t_recall@1": 1.0,
        "t2i_recall@1": 2.0,
        "rsum": rsum,
        "t2t_recall@1": t2t,
        "i2i_recall@1": 3.0,
    } | {"seconds": 3.0}


def test_what_is_trained(corpora, tmp_path, monkeypatch):
    figures, asked = kept_jobs(monkeypatch, tmp_path, lambda recipe, seed: row(0.0))
    recipes = {dataclasses.astuple(recipe): recipe for recipe, *_ in asked.values()}.values()
    assert len(recipes) == 18  # the setting that all tables share is trained once
    assert len(asked) == 2 * 18
    assert {seed for _, seed, _ in asked.values()} == {0, 1}
    base = RECIPES["retrieval", "embedding"]["small_from_random"]
    changed = set()
    for recipe in recipes:
        assert (recipe.loss, recipe.epochs) == ("ranking", ablations.FULL["epochs"])
        same = {"hidden_dim", "embedding_dim", "margin", "learning_rate", "images_per_batch"}
        assert all(getattr(recipe, name) == getattr(base, name) for name in same)
        changed.add(
            (
                (recipe.image_anchor_weight > 0, recipe.text_anchor_weight > 0),
                (recipe.text_neighborhood_weight, recipe.image_neighborhood_weight),
                recipe.texts_per_image,
                recipe.top_k,
            )
        )
    both, none = (True, True), (0.0, 0.0)
    assert changed == {
        (both, none, 2, 30),
        ((True, False), none, 2, 30),
        ((False, True), none, 2, 30),
        *((both, weights, 2, 30) for weights in CONSTRAINTS),
        *((both, none, texts, 30) for texts in (1, 3)),
        *((both, none, 2, top_k) for top_k in (0, 1, 10, 50)),
    }
    assert [len(rows) for rows in figures["tables"].values()] == [3, 10, 3, 5]


def test_figures_stand_in_their_rows(corpora, tmp_path, monkeypatch):
    figures, _ = kept_jobs(
        monkeypatch,
        tmp_path,
        lambda recipe, seed: row(
            100 * recipe.texts_per_image
            + 10 * (recipe.top_k == 50)
            + (recipe.image_neighborhood_weight == 0.2)
            + 2 * (recipe.text_neighborhood_weight == 0.2)
            + 4 * (not recipe.image_anchor_weight)
            + seed / 2
        ),
    )

    def rsum(table, name):
        return [run["rsum"] for run in figures["tables"][table][name]]

    assert rsum("Direction", "texts as anchors only") == [204, 204.5]
    assert rsum("Direction", "both") == [200, 200.5]
    assert rsum("Neighbourhood constraint", "image view, 0.2") == [201, 201.5]
    assert rsum("Neighbourhood constraint", "both views, 0.2") == [203, 203.5]
    assert rsum("Neighbourhood sampling", "off: 1 text an image") == [100, 100.5]
    assert rsum("Nearest negatives", "50") == [210, 210.5]
    page = unpadded(ablations.section(figures))
    assert page.startswith("## ")
    assert "validation split" in page
    assert "9 pictures with 18 texts" in page
    assert "(2 texts have more than one)" in " ".join(page.split())
    assert "| both views, 0.2 | 1.0 ± 0.0 | 2.0 ± 0.0 | 203.2 ± 0.4 | 50.0 ± 0.0 | 3.0" in page
    assert page.count("(the recipe's) |") == len([*filter(None, figures["recipe"].values())])


def test_where_the_recipe_is_behind(corpora, tmp_path, monkeypatch):
    own = dict.fromkeys(("image_neighborhood_weight", "text_neighborhood_weight"), 0.05)
    recipe = dataclasses.replace(
        RECIPES["retrieval", "embedding"]["small_from_random"], **own, top_k=10, texts_per_image=4
    )
    monkeypatch.setitem(RECIPES, ("retrieval", "embedding"), {"small_from_random": recipe})

    def figures(recipe, seed):
        rsum = 200 + 4 * seed + 9 * (recipe.top_k == 1) + 2 * (recipe.texts_per_image == 3)
        rsum += 2 * (not recipe.text_anchor_weight)
        return row(rsum, t2t=50.0 + (recipe.text_neighborhood_weight == 0.2))

    measured, _ = kept_jobs(monkeypatch, tmp_path, figures)
    assert measured["recipe"] == {
        "Direction": "both",
        "Neighbourhood constraint": "both views, 0.05",
        "Neighbourhood sampling": None,
        "Nearest negatives": "10",
    }
    # 2 more is within the deviation of 4 / √2; the recipe's own sampling stands in no row.
    assert ablations.losing(measured) == [
        "Neighbourhood constraint: t2t_recall@1 is 51.0 ± 0.0 with “text view, 0.2”, but "
        "50.0 ± 0.0 with “both views, 0.05”, the recipe's setting.",
        "Nearest negatives: rsum is 211.0 ± 2.8 with “1”, but 202.0 ± 2.8 with “10”, the "
        "recipe's setting.",
    ]


def test_a_training(corpora):
    recipe = dataclasses.replace(
        RECIPES["retrieval", "embedding"]["small_from_random"],
        hidden_dim=8,
        embedding_dim=4,
        epochs=2,
    )
    first, other = (ablations._trained(recipe, seed, None) for seed in (0, 1))
    recalls = [name for name in first if name != "seconds"]
    assert recalls == ["i2t_recall@1", "t2i_recall@1", "rsum", "t2t_recall@1", "i2i_recall@1"]
    assert all(0 <= first[name] <= 600 for name in recalls)
    assert [first[name] for name in recalls] != [other[name] for name in recalls]
