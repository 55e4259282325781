"""Tests of the start from canonical correlation analysis, against the baseline of that name."""

import dataclasses

import keras
import numpy as np
import pytest

from tb_keras.corpus import Corpus
from tb_keras.encoders.word_encoder import word_encoder
from tb_keras.evaluation.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.ridge_baseline import retrieval_rsum
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import canonical_start, network_metrics
from tb_keras.training.from_recipe import from_recipe
from tb_keras.training.recipe import Recipe
from tests.training.toy_corpora import retrieval_corpus

RECIPE = Recipe(
    hidden_dim=16,
    embedding_dim=5,
    images_per_batch=8,
    epochs=6,
    learning_rate=0.003,
    noise=0.0,
    margin=0.3,
    start="canonical",
)


def baseline(train):
    return RegularizedCCABaseline(train, train, regularizations=(1.0,), powers=(1,), dim=5)


def projected_network(dim=5):
    return EmbeddingNetwork(7, 7, hidden_dim=8, embedding_dim=dim, projected=True)


def test_its_cosines_are_those_of_the_baseline_and_its_mean_square_is_one():
    train, other = retrieval_corpus(30, seed=0), retrieval_corpus(9, seed=1)
    network, expected = projected_network(), baseline(train)
    canonical_start(network, train)
    for branch, embed, expect, features, of_train in (
        (
            network.image_branch,
            network.embed_images,
            expected.embed_images,
            other.image_features,
            train.image_features,
        ),
        (
            network.text_branch,
            network.embed_texts,
            expected.embed_texts,
            other.text_features,
            train.text_features,
        ),
    ):
        np.testing.assert_allclose(embed(features), expect(features), rtol=1e-3, atol=1e-5)
        standardize, projection = branch.get_layer("standardize"), branch.get_layer("projection")
        # Each image counts as often as it has texts: here twice each.
        projected = projection(standardize(of_train))
        assert np.square(projected).mean() == pytest.approx(1, rel=1e-4)


def test_a_network_of_the_recipe_starts_there_and_learns_on():
    train = retrieval_corpus(30, seed=0)
    network, model, batches = from_recipe(train, RECIPE)
    expected = baseline(train)
    images, texts = train.image_features, train.text_features
    np.testing.assert_allclose(
        network.embed_images(images), expected.embed_images(images), 1e-3, 1e-4
    )
    np.testing.assert_allclose(network.embed_texts(texts), expected.embed_texts(texts), 1e-3, 1e-4)
    losses = model.fit(batches(0), epochs=6, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_the_validation_corpus_chooses_the_settings():
    train, validation = retrieval_corpus(30, seed=0), retrieval_corpus(20, seed=1, noise=2.0)
    network = projected_network()
    canonical_start(network, train, validation)
    best = RegularizedCCABaseline(train, validation, dim=5)
    found = network_metrics(network, validation)["rsum"]
    assert found == pytest.approx(retrieval_rsum(best, validation), abs=1e-3)
    # Of equally good settings, those that are taken without a validation corpus.
    one = train.subset(images=[0])
    canonical_start(network, train, one)
    expected = projected_network()
    canonical_start(expected, train)
    images = validation.image_features
    np.testing.assert_array_equal(network.embed_images(images), expected.embed_images(images))


def test_the_embeddings_have_no_more_dimensions_than_the_narrower_features():
    recipe = dataclasses.replace(RECIPE, embedding_dim=512)
    network = from_recipe(retrieval_corpus(30, seed=0), recipe).network
    assert network.settings["embedding_dim"] == 7
    assert network.embed_images(np.ones((2, 7))).shape == (2, 7)


def test_a_similarity_network_and_a_trained_text_encoder_start_at_random():
    train = retrieval_corpus(12, seed=0)
    similarity = dataclasses.replace(RECIPE, network="similarity", joint_dims=(4,))
    assert isinstance(from_recipe(train, similarity).network, SimilarityNetwork)
    encoder = word_encoder("attended_words", 7, dim=6, units=4)
    words = np.ones((len(train.text_features), 4), np.int32)
    with_words = Corpus(train.matches, image_features=train.image_features, text_features=words)
    network = from_recipe(with_words, RECIPE, text_encoder=encoder).network
    assert network.settings["projected"] is False


def test_what_cannot_be_a_start_is_named():
    constant = np.ones((4, 7), np.float32)
    corpus = Corpus(np.arange(4), image_features=constant, text_features=constant)
    with pytest.raises(ValueError, match="that correlate along some direction"):
        canonical_start(projected_network(), corpus)
    with pytest.raises(ValueError, match="embedding_dim=8, image_dim=7, text_dim=7"):
        canonical_start(projected_network(8), corpus)
    with pytest.raises(ValueError, match="`projected` must have been True"):
        canonical_start(EmbeddingNetwork(7, 7, 8, 5), retrieval_corpus(9, seed=0))


def test_the_network_saves_and_loads(tmp_path):
    train = retrieval_corpus(20, seed=0)
    network = from_recipe(train, RECIPE).network
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(
        loaded.embed_images(train.image_features), network.embed_images(train.image_features)
    )
