"""Tests of the choice between a network's weights before and after its training."""

import dataclasses
import json

import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import interpolate, network_metrics, train_network
from tb_keras.training.recipes.recipe import Recipe
from tests.training.toy_corpora import retrieval_corpus

TRAIN, VALIDATION = retrieval_corpus(20, 0), retrieval_corpus(30, 1, noise=1.0)
RECIPE = Recipe(
    hidden_dim=16,
    embedding_dim=8,
    margin=0.2,
    images_per_batch=8,
    epochs=2,
    learning_rate=0.01,
    start="canonical",
    kept_epoch="last",
)


def network_of(weights):
    network = EmbeddingNetwork(7, 7, hidden_dim=6, embedding_dim=4)
    network.set_weights(weights)
    return network


def random_weights(seed):
    rng = np.random.default_rng(seed)
    shapes = [weight.shape for weight in EmbeddingNetwork(7, 7, 6, 4).weights]
    return [rng.uniform(0.1, 1, size=shape).astype("float32") for shape in shapes]


def test_the_best_weight_against_all_of_them():
    before, after = random_weights(0), random_weights(1)
    weights = (0.0, 0.3, 0.7, 1.0)
    figures = {
        weight: network_metrics(
            network_of([(1 - weight) * a + weight * b for a, b in zip(before, after)]), VALIDATION
        )["rsum"]
        for weight in weights
    }
    network = network_of(after)
    chosen = interpolate(network, before, VALIDATION, weights)
    assert chosen.figure == max(figures.values()) == figures[chosen.weight]
    assert chosen.figure == network_metrics(network, VALIDATION)["rsum"]


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_its_ends_are_the_very_weights(weight):
    before, after = random_weights(0), random_weights(1)
    network = network_of(after)
    assert interpolate(network, before, VALIDATION, [weight]).weight == weight
    for expected, found in zip(after if weight else before, network.get_weights()):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([], r"`weights` must be floats in \[0, 1\]"), ([2.0], r"Received: weights=\[2.0\]")],
)
def test_bad_weights(weights, message):
    network = network_of(random_weights(0))
    with pytest.raises(ValueError, match=message):
        interpolate(network, network.get_weights(), VALIDATION, weights)


def test_weights_of_another_network():
    network = network_of(random_weights(0))
    with pytest.raises(ValueError, match="`before` must have the shapes of the network's weights"):
        interpolate(network, network.get_weights()[1:], VALIDATION)


def test_a_training_that_spoils_its_start_ends_with_it(tmp_path):
    """And called again, it returns the same network."""
    spoiled = dataclasses.replace(RECIPE, learning_rate=3.0)
    figures = {}
    for name, recipe in (("trained", spoiled), ("between", spoiled)):
        recipe = dataclasses.replace(recipe, interpolate=name == "between")
        network = train_network(TRAIN, VALIDATION, recipe, tmp_path / name)
        figures[name] = network_metrics(network, VALIDATION)["rsum"]
    result = json.loads((tmp_path / "between" / "result.json").read_text())
    assert result["figure"] == figures["between"] > figures["trained"]
    assert result["trained_weight"] == 0.0
    kept = sorted(path.name for path in (tmp_path / "between").iterdir())
    assert kept == ["history.csv", "network.keras", "result.json"]
    again = train_network(TRAIN, VALIDATION, recipe, tmp_path / "between")
    np.testing.assert_array_equal(
        again.embed_images(VALIDATION.image_features),
        network.embed_images(VALIDATION.image_features),
    )
