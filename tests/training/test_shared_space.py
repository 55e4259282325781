"""Tests of the choice among identity, canonical and joined starts."""

import dataclasses

import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork, IdentityStart, JoinedStart
from tb_keras.training import canonical_starts, network_metrics, shared_space_starts
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe
from tests.training.toy_corpora import localization_corpus, retrieval_corpus

RECIPE = Recipe(hidden_dim=8, embedding_dim=4, images_per_batch=8)


def turned(seed, num_images=40, turned_dims=6, noise=0.3):
    """Views in one space of 8 dimensions, in which the first dimensions of the texts are turned."""
    rng = np.random.default_rng(seed)
    turn = np.eye(8)
    turn[:turned_dims, :turned_dims] = np.linalg.qr(
        np.random.default_rng(9).normal(size=(turned_dims, turned_dims))
    )[0]
    images = rng.normal(size=(num_images, 8))
    texts = (images + noise * rng.normal(size=images.shape)) @ turn
    return Corpus(np.arange(num_images), image_features=images, text_features=texts)


def figure(starts, corpus):
    image_start, text_start = starts
    dims = image_start.feature_dim, text_start.feature_dim
    network = EmbeddingNetwork(*dims, hidden_dim=0, image_start=image_start, text_start=text_start)
    return network_metrics(network, corpus)["rsum"]


@pytest.mark.parametrize(("turned_dims", "kind"), [(0, IdentityStart), (2, JoinedStart)])
def test_the_best_on_validation_is_taken(turned_dims, kind):
    train, validation = (turned(seed, turned_dims=turned_dims, noise=1.0) for seed in (0, 1))
    starts = shared_space_starts(train, validation)
    assert all(isinstance(start, kind) for start in starts)
    fitted = canonical_starts(train, validation)
    others = [(IdentityStart(8), IdentityStart(8)), fitted]
    for weight in (0.25, 0.5, 0.75):
        others.append([JoinedStart(IdentityStart(8), start, weight) for start in fitted])
    assert figure(starts, validation) == max(figure(other, validation) for other in others)


def test_canonical_starts_where_the_space_is_not_shared():
    train, validation = turned(0, turned_dims=8), turned(1, turned_dims=8)
    starts = shared_space_starts(train, validation)
    assert not any(isinstance(start, IdentityStart | JoinedStart) for start in starts)


def test_the_identity_without_a_validation_corpus():
    train = turned(0)
    for start, features in zip(
        shared_space_starts(train), (train.image_features, train.text_features)
    ):
        assert isinstance(start, IdentityStart)
        np.testing.assert_allclose(start.scale, np.sqrt(np.mean(features**2)), rtol=1e-6)


@pytest.mark.parametrize("start", ["identity", "shared"])
@pytest.mark.parametrize("corpus_of", [retrieval_corpus, localization_corpus])
@pytest.mark.parametrize("network", ["embedding", "similarity"])
def test_recipes(start, corpus_of, network):
    train = corpus_of(12, 0)
    recipe = dataclasses.replace(RECIPE, start=start, network=network)
    built = from_recipe(train, recipe, validation=corpus_of(9, 1)).network
    if start == "identity":
        assert isinstance(built.image_start, IdentityStart)
        images = built.embed_images(train.image_features)
        lengths = np.linalg.norm(train.image_features, axis=1, keepdims=True)
        np.testing.assert_allclose(images, train.image_features / lengths, atol=1e-6)
    assert built.text_start is not None


def test_features_of_two_sizes():
    corpus = Corpus(np.arange(3), image_features=np.eye(3), text_features=np.eye(3, 2))
    with pytest.raises(ValueError, match="one space for the identity start"):
        shared_space_starts(corpus)
