"""Tests of the settings of a training: each goes to the part that takes it."""

import dataclasses
import inspect
import json

import pytest

from tb_keras.batching import region_batches
from tb_keras.losses import BidirectionalRanking, PairwiseLogistic
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.recipe import LOSSES, NETWORKS, TASKS, Recipe

EMBEDDING, SIMILARITY = Recipe(), Recipe(network="similarity")


@pytest.mark.parametrize(
    ("settings", "takes"),
    [
        (EMBEDDING.network_settings(), EmbeddingNetwork),
        (SIMILARITY.network_settings(), SimilarityNetwork),
        (Recipe(network="cca").network_settings(), EmbeddingNetwork),
        (EMBEDDING.ranking_settings(), BidirectionalRanking),
        (SIMILARITY.logistic_settings(), PairwiseLogistic),
        (EMBEDDING.region_settings(), region_batches),
    ],
)
def test_settings_are_arguments_of_what_takes_them(settings, takes):
    assert settings.keys() <= inspect.signature(takes).parameters.keys()


def test_no_setting_is_forgotten():
    used = {
        *SIMILARITY.network_settings(),
        *SIMILARITY.ranking_settings(),
        *SIMILARITY.logistic_settings(),
        *SIMILARITY.region_settings(),
        *"image_encoder_rate text_encoder_rate matryoshka_dims mined_images".split(),
        *"warm_up weight_decay clip_norm lora_rank teacher_weight teacher_temperature".split(),
        *"network loss images_per_batch texts_per_image epochs interpolate".split(),
        *"learning_rate learning_rate_decay gradient_cache_rows start landmarks kept_epoch".split(),
    }
    assert used == {field.name for field in dataclasses.fields(Recipe)}


def test_settings_have_the_recipes_values():
    recipe = Recipe(hidden_dim=7, joint_dims=(5,), margin=0.4, negative_texts=3, candidates=9)
    assert "joint_dims" not in recipe.network_settings()
    assert recipe.network_settings()["hidden_dim"] == 7
    similarity = dataclasses.replace(recipe, network="similarity")
    assert similarity.network_settings()["joint_dims"] == (5,)
    assert recipe.ranking_settings()["margin"] == 0.4
    assert (recipe.logistic_settings()["negative_texts"], recipe.top_k) == (3, 10)
    assert recipe.logistic_settings()["candidates"] == 9
    assert Recipe(regions_per_phrase=2).region_settings()["regions_per_phrase"] == 2


def test_zero_stands_for_all():
    assert Recipe(top_k=0).ranking_settings()["top_k"] is None
    assert Recipe(candidates=0).logistic_settings()["candidates"] is None


@pytest.mark.parametrize(("loss", "top_k"), [("ranking", 10), ("max_violation", 1)])
def test_max_violation_is_the_ranking_loss_of_the_nearest_negative(loss, top_k):
    found = Recipe(loss=loss).ranking_settings()
    assert found == {**EMBEDDING.ranking_settings(), "top_k": top_k}


def test_every_recipe_has_the_ranking_loss_unless_told_otherwise():
    assert LOSSES[0] == EMBEDDING.loss == "ranking"
    assert {r.loss for recipes in RECIPES.values() for r in recipes.values()} == {"ranking"}


def test_each_setting_says_what_it_is():
    for field in dataclasses.fields(Recipe):
        assert field.metadata["help"].endswith("."), field.name


def test_there_are_recipes_for_each_task_and_network():
    assert set(RECIPES) == {(task, network) for task in TASKS for network in NETWORKS}
    for (task, network), recipes in RECIPES.items():
        names = ["paper", "small"]
        if task == "retrieval" and network != "cca":
            names.append("small_from_random")
        assert list(recipes) == names
        assert {recipe.network for recipe in recipes.values()} == {network}


@pytest.mark.parametrize("network", ["embedding", "similarity"])
def test_the_small_recipe_starts_from_canonical_correlation_and_the_other_one_does_not(network):
    recipes = RECIPES["retrieval", network]
    starts = {name: recipe.start for name, recipe in recipes.items()}
    assert starts == {"paper": "random", "small": "canonical", "small_from_random": "random"}
    assert Recipe().start == "random"
    kept = {name: recipe.kept_epoch for name, recipe in recipes.items()}
    assert kept == {"paper": "best", "small": "last", "small_from_random": "best"}


def test_the_papers_settings():
    paper = RECIPES["retrieval", "embedding"]["paper"]
    assert (paper.hidden_dim, paper.embedding_dim, paper.dropout) == (2048, 512, 0.5)
    assert (paper.images_per_batch, paper.texts_per_image, paper.epochs) == (500, 2, 20)
    assert (paper.margin, paper.top_k, paper.learning_rate) == (0.05, 10, 1e-4)
    assert paper.learning_rate_decay == 0.794
    weights = paper.image_anchor_weight, paper.text_anchor_weight, paper.text_neighborhood_weight
    assert weights == (1.0, 1.5, 0.05)
    similarity = RECIPES["localization", "similarity"]["paper"]
    assert (similarity.hidden_dim, similarity.embedding_dim) == (1024, 1024)
    assert similarity.joint_dims == (1024, 256)


def test_recipes_are_kept_as_json():
    recipe = RECIPES["localization", "similarity"]["small"]
    kept = json.loads(json.dumps(dataclasses.asdict(recipe)))
    assert Recipe(**kept) == recipe


@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_keeps_the_settings_that_are_used(network):
    kept = Recipe(network=network).settings()
    if network == "cca":
        assert kept == {"network": "cca", "embedding_dim": 512}
    else:
        assert kept == {**dataclasses.asdict(Recipe(network=network)), "landmarks": 0}
        assert Recipe(network=network, start="canonical").settings()["landmarks"] == 2000


def test_a_recipe_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EMBEDDING.margin = 1.0


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"network": "both"}, r"`network` must be one of embedding, similarity.*'both'"),
        ({"loss": "triplet"}, r"`loss` must be one of ranking, max_violation, info.*'triplet'"),
        ({"epochs": 0}, r"`epochs` must be a positive int. Received: epochs=0"),
        ({"learning_rate": 0.0}, r"`learning_rate` must be positive.*=0.0"),
        ({"learning_rate": float("nan")}, r"`learning_rate` must be positive.*=nan"),
        ({"dtype": "float17"}, r"float17"),
        ({"start": "warm"}, r"`start` must be one of random, canonical.*'warm'"),
        ({"kept_epoch": "first"}, r"`kept_epoch` must be one of best, last.*'first'"),
        ({"learning_rate_decay": -0.1}, r"`learning_rate_decay` must be in \[0, 1\].*=-0.1"),
        ({"learning_rate_decay": float("nan")}, r"`learning_rate_decay` must be in.*=nan"),
        ({"teacher_weight": -1.0}, r"`teacher_weight` must be at least 0.*=-1.0"),
        ({"teacher_temperature": 0.0}, r"`teacher_temperature` must be positive.*=0.0"),
        ({"weight_decay": -1.0}, r"`weight_decay` must be at least 0.*=-1.0"),
        ({"warm_up": 1.0}, "`warm_up` must be 0 unless learning_rate_decay is 0"),
        ({"warm_up": 3.0, "epochs": 3, "learning_rate_decay": 0.0}, "and less than epochs"),
    ],
)
def test_settings_out_of_range(setting, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**setting)
