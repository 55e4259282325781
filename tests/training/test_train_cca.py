"""Tests of canonical correlation analysis trained, kept and found again like any network."""

import dataclasses
import json

import numpy as np
import pytest

from tb_keras.evaluation.baselines.localization_baselines import localization_recall_at_1
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import retrieval_rsum
from tb_keras.networks import EmbeddingNetwork, LinearStart
from tb_keras.scripts.runs.run import Run
from tb_keras.training import network_metrics
from tb_keras.training import whole_training as module
from tb_keras.training.recipes.named_recipes import RECIPES
from tests.training.toy_corpora import toy_corpus

FIGURES = {"retrieval": retrieval_rsum, "localization": localization_recall_at_1}
HEADLINES = {"retrieval": "rsum", "localization": "recall@1"}


@pytest.fixture(scope="module", params=FIGURES)
def finished(request, tmp_path_factory):
    task = request.param
    corpora = toy_corpus(task, 40, 0), toy_corpus(task, 30, 1)
    run = Run(tmp_path_factory.mktemp("run"))
    recipe = RECIPES[task, "cca"]["small"]
    run.start({"task": task}, dataclasses.asdict(recipe))
    directory = run.seed_directory("cca", 3)
    return task, corpora, run, module.train_network(*corpora, recipe, directory, seed=3)


def test_the_network_is_the_baseline_of_the_same_settings(finished):
    task, (train, validation), run, network = finished
    assert type(network) is EmbeddingNetwork
    assert type(network.image_start) is type(network.text_start) is LinearStart
    assert network.trainable_weights == []
    baseline = RegularizedCCABaseline(train, validation, figure=FIGURES[task])
    np.testing.assert_allclose(
        network.embed_images(validation.image_features),
        baseline.embed_images(validation.image_features),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        network.embed_texts(validation.text_features),
        baseline.embed_texts(validation.text_features),
        atol=1e-5,
    )
    (result,) = run.results("cca")
    assert result["regularization"] == baseline.regularization
    assert result["power"] == baseline.power


def test_what_it_leaves_in_a_run(finished):
    task, (_, validation), run, _ = finished
    directory = run.seed_directory("cca", 3)
    names = sorted(path.name for path in directory.iterdir())
    assert names == ["network.keras", "result.json"]
    assert run.networks() == ["cca"]
    assert run.best_seed("cca") == 3
    (result,) = run.results("cca")
    headline = HEADLINES[task]
    assert result["monitor"] == f"val_{headline}"
    assert result["seconds"] >= 0
    loaded = run.network("cca", 3)
    assert type(loaded) is EmbeddingNetwork
    metrics = network_metrics(loaded, validation)
    assert metrics[headline] == result["figure"]
    assert metrics[headline] > {"retrieval": 400, "localization": 70}[task]  # far above chance


def test_a_finished_fit_is_not_repeated(finished, monkeypatch):
    task, corpora, run, network = finished
    monkeypatch.setattr(module, "train_cca", None)
    recipe = RECIPES[task, "cca"]["small"]
    again = module.train_network(*corpora, recipe, run.seed_directory("cca", 3), seed=3)
    for ours, theirs in zip(again.get_weights(), network.get_weights()):
        np.testing.assert_array_equal(ours, theirs)


def test_the_recipe_says_how_many_directions(tmp_path):
    corpora = toy_corpus("retrieval", 40, 0), toy_corpus("retrieval", 30, 1)
    recipe = dataclasses.replace(RECIPES["retrieval", "cca"]["small"], embedding_dim=2)
    network = module.train_network(*corpora, recipe, tmp_path / "of" / "mine")
    assert network.embedding_dim == 2
    assert network.embed_images(corpora[0].image_features).shape == (40, 2)
    assert json.loads((tmp_path / "of" / "mine" / "result.json").read_text())["seed"] == 0


@pytest.mark.parametrize("missing", ["image_features", "text_features"])
def test_missing_features(tmp_path, missing):
    corpus = toy_corpus("retrieval", 10, 0)
    without = corpus.replace(**{missing: None})
    recipe = RECIPES["retrieval", "cca"]["small"]
    for corpora in ((without, corpus), (corpus, without)):
        with pytest.raises(ValueError, match="must have image_features and text_features"):
            module.train_network(*corpora, recipe, tmp_path)
        with pytest.raises(ValueError, match=f"must have {missing} of a float type"):
            module.train_cca(*corpora, recipe, tmp_path)
    assert not list(tmp_path.iterdir())
