"""Tests of the training of text encoders along with both networks, from strings."""

import dataclasses

import keras
import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.text.fitted_text_encoder import fit_text_encoder
from tb_keras.encoders.text.word_encoder import word_encoder
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.training.metrics import network_metrics
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe
from tb_keras.training.whole_training import train_network
from tests.cases import slow_but
from tests.training.toy_corpora import localization_corpus

COLORS, THINGS = "red green blue white".split(), "dog cat bus tree boat".split()
RECIPE = Recipe(
    hidden_dim=32,
    embedding_dim=16,
    joint_dims=(16,),
    dropout=0.0,
    margin=0.2,
    images_per_batch=10,
    epochs=8,
    learning_rate=0.01,
)


def corpus(texts_seed=0):
    """Twenty pictures, told by colour and thing; three texts each, with words that say nothing."""
    rng = np.random.default_rng(texts_seed)
    images = [np.r_[np.eye(4)[c], np.eye(5)[t]] for c in range(4) for t in range(5)]
    texts = []
    for color in COLORS:
        for thing in THINGS:
            fillers = rng.choice(["a", "the", "some", "one", "very"], (3, 3))
            texts += [f"{x} {y} {color} {z} {thing}"[rng.integers(0, 2) :] for x, y, z in fillers]
    images = np.array(images, "float32") + rng.normal(0, 0.05, (20, 9)).astype("float32")
    return Corpus(np.repeat(np.arange(20), 3), image_features=images, texts=texts)


def indexed(plain, name="attended_words", **settings):
    """The corpus with word indices, and the word encoder."""
    settings = {"units": 8, "dim": 6, "verbose": False, **settings}
    encoder, words = fit_text_encoder(name, plain.texts, **settings)
    import tensorflow as tf

    indices = encoder.predict(tf.constant(plain.texts), verbose=0)
    return plain.replace(text_features=indices), words


@pytest.mark.parametrize(
    ("name", "network"),
    slow_but(
        ("attended_words", "embedding"),
        cases=[
            ("attended_words", "embedding"),
            ("lstm", "embedding"),
            ("bidirectional_lstm", "embedding"),
            ("attended_words", "similarity"),
        ],
    ),
)
def test_each_learns(name, network):
    train, words = indexed(corpus(), name)
    recipe = dataclasses.replace(RECIPE, network=network)
    training = from_recipe(train, recipe, 0, words)
    table = training.network.text_encoder.get_layer("word_vectors").embeddings
    before, first = table.numpy(), network_metrics(training.network, train)["rsum"]
    history = training.model.fit(training.batches(0), epochs=8, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    assert np.abs(table.numpy() - before).max(axis=1)[2:].min() > 0  # each word's vector moved
    assert network_metrics(training.network, train)["rsum"] > first + 30
    assert words.get_layer("word_vectors").embeddings is not table  # a copy was trained


def test_seeds_differ_in_what_is_random():
    rng = np.random.default_rng(0)
    vectors = WordVectors([*COLORS, *THINGS], rng.normal(size=(9, 6)).astype("float32"))
    train, words = indexed(corpus(), "lstm", word_vectors=vectors)
    first, again, other = (
        from_recipe(train, RECIPE, seed, words).network.text_encoder for seed in (0, 0, 1)
    )
    for ours, same, theirs in zip(first.weights, again.weights, other.weights):
        np.testing.assert_array_equal(ours, same)
        kept = ours.name in ("bias", "embeddings")
        assert np.array_equal(ours, theirs) == kept


@pytest.mark.slow
def test_a_training_is_saved_and_found_again(tmp_path):
    train, words = indexed(corpus())
    recipe = dataclasses.replace(RECIPE, epochs=2)
    network = train_network(train, train, recipe, tmp_path / "run", 3, words)
    embeddings = network.embed_texts(train.text_features)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
    loaded = keras.saving.load_model(tmp_path / "run" / "network.keras")
    np.testing.assert_allclose(loaded.embed_texts(train.text_features), embeddings, atol=1e-6)
    again = train_network(train, train, recipe, tmp_path / "run", 3, words)
    np.testing.assert_allclose(again.embed_texts(train.text_features), embeddings, atol=1e-6)


@pytest.mark.slow
def test_phrases_to_localize():
    phrases = localization_corpus(20, seed=0)
    indices = np.random.default_rng(0).integers(0, 9, (phrases.num_texts, 3)).astype("int32")
    words = word_encoder("attended_words", 7, dim=6, units=4)
    recipe = dataclasses.replace(
        RECIPE,
        pictures_per_batch=4,
        phrases_per_picture=3,
        regions_per_picture=7,
        regions_per_phrase=2,
    )
    training = from_recipe(phrases.replace(text_features=indices), recipe, 0, words)
    history = training.model.fit(training.batches(0), epochs=4, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_indices_and_the_encoder_go_together():
    train, words = indexed(corpus())
    with pytest.raises(ValueError, match=r"`text_encoder` must take word .* text_encoder=None"):
        from_recipe(train, RECIPE)
    floats = train.replace(text_features=train.text_features.astype("float32"))
    with pytest.raises(ValueError, match="`text_encoder` must take word indices if"):
        from_recipe(floats, RECIPE, 0, words)


def test_a_network_that_goes_on_has_its_own_encoder():
    train, words = indexed(corpus())
    recipe = dataclasses.replace(RECIPE, epochs=1)
    begun = from_recipe(train, recipe, text_encoder=words).network
    network, model, batches = from_recipe(train, recipe, initial=begun)
    assert network is begun
    model.fit(batches(0), epochs=1, shuffle=False, verbose=0)
    with pytest.raises(ValueError, match="`train` must have image_features and text_features"):
        from_recipe(corpus(), recipe)
