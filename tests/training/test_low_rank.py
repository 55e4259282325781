"""Tests of encoders that are trained by changes of low rank."""

import dataclasses

import keras
import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.training import network_metrics, train_network
from tb_keras.training.callbacks.training_backup import TrainingBackup
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe

RECIPE = Recipe(
    hidden_dim=8,
    embedding_dim=4,
    images_per_batch=8,
    margin=0.2,
    learning_rate=0.02,
    epochs=4,
    lora_rank=2,
    text_encoder_rate=5.0,
)
PLACES, DIM = 3, 8


def corpus(seed, num_images=24):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num_images, 6)).astype("float32")
    texts = np.tile(images, (1, 4)) + 0.3 * rng.normal(size=(num_images, PLACES * DIM))
    return Corpus(np.arange(num_images), image_features=images, text_features=texts)


def encoder():
    """Rows of three vectors, their attention, and a dense layer after it."""
    keras.utils.set_random_seed(1)
    rows = keras.Input((PLACES * DIM,))
    vectors = keras.layers.Reshape((PLACES, DIM))(rows)
    attended = keras.layers.MultiHeadAttention(2, 4, name="attention")(vectors, vectors)
    flat = keras.layers.Flatten()(attended)
    return keras.Model(rows, keras.layers.Dense(7, activation="tanh", name="last")(flat))


TRAIN, VALIDATION = corpus(0), corpus(1)


def started():
    return from_recipe(TRAIN, RECIPE, 0, encoder())


def fit(training, epochs, first=0, callbacks=()):
    training.model.fit(
        training.batches(first),
        initial_epoch=first,
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=list(callbacks),
    )


def test_it_begins_as_the_encoder_and_changes_queries_and_values_alone():
    training = started()
    rows = TRAIN.text_features
    np.testing.assert_array_equal(training.network.text_encoder(rows), encoder()(rows))
    weights = {w.path: w.numpy() for w in training.network.text_encoder.weights}
    fit(training, 2)
    trained = {w.path: w.numpy() for w in training.network.text_encoder.weights}
    changed = {path for path in weights if (weights[path] != trained[path]).any()}
    parts = [f"{name}/lora_kernel_{x}" for name in ("query", "value") for x in "ab"]
    assert changed == {f"attention/{part}" for part in parts}
    assert np.abs(training.network.text_encoder(rows) - encoder()(rows)).max() > 1e-3


def test_a_saved_network_has_one_kernel_and_gives_the_same(tmp_path):
    training = started()
    fit(training, 2)
    training.network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert not any("lora" in weight.name for weight in loaded.weights)
    assert len(loaded.text_encoder.trainable_weights) == len(encoder().trainable_weights)
    found, expected = (n.embed_texts(TRAIN.text_features) for n in (loaded, training.network))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.slow
def test_a_training_that_goes_on_is_as_one_undisturbed(tmp_path):
    whole, stopped, restored = started(), started(), started()
    fit(whole, 4)
    fit(stopped, 2, callbacks=[TrainingBackup(tmp_path, seconds_between=0.0)])
    assert TrainingBackup(tmp_path).restore(restored.model) == 2
    fit(restored, 4, first=2)
    for found, expected in zip(restored.network.weights, whole.network.weights):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    pairs = zip(stopped.network.weights, whole.network.weights)
    assert max(np.abs(a - b).max() for a, b in pairs) > 1e-3


@pytest.mark.slow
def test_interpolation_reaches_the_untrained_network(tmp_path):
    recipe = dataclasses.replace(RECIPE, learning_rate=3.0, interpolate=True)
    network = train_network(TRAIN, VALIDATION, recipe, tmp_path, text_encoder=encoder())
    untrained = from_recipe(TRAIN, recipe, 0, encoder()).network
    found, start = (network_metrics(one, VALIDATION)["rsum"] for one in (network, untrained))
    assert found >= start


def test_errors():
    with pytest.raises(ValueError, match="`lora_rank` must be 0 unless an encoder is trained"):
        from_recipe(TRAIN, RECIPE)
    rows = keras.Input((PLACES * DIM,))
    dense = keras.Model(rows, keras.layers.Dense(3)(rows), name="dense")
    with pytest.raises(ValueError, match="`encoder` must have attention"):
        from_recipe(TRAIN, RECIPE, 0, dense)
