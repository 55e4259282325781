"""Tests of trainings in which an encoder is trained with the network."""

import dataclasses

import keras
import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.image.pixel_rows import from_pixel_rows
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import canonical_starts, network_metrics, train_network
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe

RECIPE = Recipe(
    hidden_dim=8,
    embedding_dim=4,
    images_per_batch=8,
    margin=0.2,
    learning_rate=0.01,
    epochs=3,
    start="canonical",
)


def corpus(seed, num_images=24):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num_images, 6)).astype("float32")
    texts = images[:, :5] + 0.3 * rng.normal(size=(num_images, 5)).astype("float32")
    return Corpus(np.arange(num_images), image_features=images, text_features=texts)


def encoder(dim):
    keras.utils.set_random_seed(1)
    rows = keras.Input((dim,))
    return keras.Model(rows, keras.layers.Dense(7, activation="tanh", name="last")(rows))


TRAIN, VALIDATION = corpus(0), corpus(1)


def test_the_start_is_fitted_to_what_the_encoders_give():
    images, texts = encoder(6), encoder(5)
    network = from_recipe(TRAIN, RECIPE, 0, texts, image_encoder=images).network
    encoded = TRAIN.replace(
        image_features=images.predict(TRAIN.image_features, verbose=0),
        text_features=texts.predict(TRAIN.text_features, verbose=0),
    )
    starts = canonical_starts(encoded, embedding_dim=4)
    alone = EmbeddingNetwork(7, 7, hidden_dim=0, image_start=starts[0], text_start=starts[1])
    np.testing.assert_allclose(
        network.embed_images(TRAIN.image_features),
        alone.embed_images(encoded.image_features),
        atol=1e-5,
    )
    np.testing.assert_allclose(
        network.embed_texts(TRAIN.text_features),
        alone.embed_texts(encoded.text_features),
        atol=1e-5,
    )


def test_a_copy_of_the_encoder_is_trained(tmp_path):
    """And it is part of the network on disk."""
    images = encoder(6)
    before = images.get_weights()
    network = train_network(TRAIN, VALIDATION, RECIPE, tmp_path, image_encoder=images)
    for old, new in zip(before, images.get_weights()):
        np.testing.assert_array_equal(new, old)
    learned = network.image_encoder.get_layer("last").kernel.numpy()
    assert np.abs(learned - before[0]).max() > 1e-3
    again = train_network(TRAIN, VALIDATION, RECIPE, tmp_path, image_encoder=images)
    np.testing.assert_array_equal(
        again.embed_images(VALIDATION.image_features),
        network.embed_images(VALIDATION.image_features),
    )


def test_interpolation_covers_the_encoder(tmp_path):
    recipe = dataclasses.replace(RECIPE, learning_rate=3.0, interpolate=True)
    images = encoder(6)
    network = train_network(TRAIN, VALIDATION, recipe, tmp_path, image_encoder=images)
    untrained = from_recipe(TRAIN, recipe, validation=VALIDATION, image_encoder=images).network
    found, start = (network_metrics(one, VALIDATION)["rsum"] for one in (network, untrained))
    assert found >= start


def test_an_encoder_that_takes_pixels(tmp_path):
    """And changes them at random, the same way in both passes of gradient caching."""
    rng = np.random.default_rng(0)
    shades = rng.uniform(0, 255, (24, 1, 1, 3))
    pixels = np.clip(shades + rng.normal(0, 20, (24, 8, 8, 3)), 0, 255).astype("uint8")
    pictures = TRAIN.replace(
        image_features=pixels.reshape(24, -1),
        text_features=(shades.reshape(24, 3) / 255).astype("float32"),
    )
    given = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(4, 3, activation="relu", name="convolution")(given / 255.0)
    backbone = keras.Model(given, keras.layers.GlobalAveragePooling2D()(hidden))
    recipe = dataclasses.replace(RECIPE, start="random", gradient_cache_rows=3, epochs=1)
    network = train_network(
        pictures,
        pictures,
        recipe,
        tmp_path,
        image_encoder=from_pixel_rows(backbone, augmented=True),
    )
    before = backbone.get_layer("convolution").kernel.numpy()
    learned = [layer for layer in network._flatten_layers() if layer.name == "convolution"]
    assert np.abs(learned[0].kernel.numpy() - before).max() > 1e-3
    saved = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(
        saved.embed_images(pictures.image_features), network.embed_images(pictures.image_features)
    )
