"""Tests of both networks with encoders before their starts, trained along."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork, IdentityStart, SimilarityNetwork

RNG = np.random.default_rng(0)
IMAGES, TEXTS = RNG.normal(size=(6, 5)).astype("float32"), RNG.normal(size=(8, 4)).astype("float32")


def encoder(dim, name):
    rows = keras.Input((dim,))
    hidden = keras.layers.Dense(7, activation="tanh", name="lower")(rows)
    return keras.Model(rows, keras.layers.Dense(3, name="last")(hidden), name=name)


def network(kind=EmbeddingNetwork, **changes):
    settings = {"image_dim": 5, "text_dim": 4, "hidden_dim": 8}
    settings |= {"image_encoder": encoder(5, "of_images"), "text_encoder": encoder(4, "of_texts")}
    settings |= {"image_start": IdentityStart(3), "text_start": IdentityStart(3)}
    return kind(**settings | changes)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("kind", [EmbeddingNetwork, SimilarityNetwork])
def test_an_untrained_network_starts_from_what_the_encoders_give(kind):
    made = network(kind)
    images, texts = made.image_encoder(IMAGES).numpy(), made.text_encoder(TEXTS).numpy()
    np.testing.assert_allclose(made.embed_images(IMAGES), unit(images), atol=1e-6)
    np.testing.assert_allclose(made.embed_texts(TEXTS), unit(texts), atol=1e-6)
    assert made.image_branch.get_layer("of_images") is made.image_encoder


def test_gradients_reach_both_encoders_through_their_starts():
    made = network()
    with tf.GradientTape() as tape:
        found = made({"image": IMAGES[:4], "text": TEXTS[:4]}, training=True)
        loss = tf.reduce_sum(found["image"] * found["text"])
    encoders = made.image_encoder, made.text_encoder
    kernels = [encoder.get_layer("lower").kernel for encoder in encoders]
    gradients = tape.gradient(loss, [kernel.value for kernel in kernels])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_frozen_layers_of_an_encoder_stay_frozen(tmp_path):
    frozen = encoder(5, "of_images")
    frozen.get_layer("lower").trainable = False
    made = network(image_encoder=frozen)
    made.save(tmp_path / "network.keras")
    for one in (made, keras.saving.load_model(tmp_path / "network.keras")):
        assert not one.image_encoder.get_layer("lower").trainable_weights
        assert len(one.image_encoder.trainable_weights) == 2


@pytest.mark.parametrize("kind", [EmbeddingNetwork, SimilarityNetwork])
def test_saved_and_loaded(kind, tmp_path):
    made = network(kind)
    made.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded.embed_images(IMAGES), made.embed_images(IMAGES))


def test_without_a_start_a_norm_standardises_what_the_encoder_gives():
    made = network(image_start=None, embedding_dim=3)
    assert "encoder_norm" in [layer.name for layer in made.image_branch.layers]


def test_an_encoder_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"`image_encoder` must take rows \(batch, 5\)"):
        network(image_encoder=encoder(6, "of_images"))
