"""Tests of the model that `fit` sees: the network's own weights with the loss on top."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.batching import neighborhood_batches
from tb_keras.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.losses import BidirectionalRanking, bidirectional_ranking_loss
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import attach_losses

MASKS = ("matches", "negatives", "text_negatives", "image_negatives")


def toy_corpus(num_images=24, texts_per_image=3, seed=0):
    """Images and texts that are two linear views of the same hidden vectors, with some noise."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(num_images, 6))
    image_of = np.repeat(np.arange(num_images), texts_per_image)
    views = np.random.default_rng(99).normal(size=(2, 6, 8))
    texts = hidden[image_of] @ views[1] + 0.05 * rng.normal(size=(len(image_of), 8))
    return Corpus(
        image_of,
        image_features=(hidden @ views[0]).astype("float32"),
        text_features=texts.astype("float32"),
    )


def small_network(dropout=0.0):
    return EmbeddingNetwork(8, 8, hidden_dim=32, embedding_dim=8, dropout=dropout)


def rsum(network, corpus):
    images = network.image_branch.predict(corpus.image_features, verbose=0)
    texts = network.text_branch.predict(corpus.text_features, verbose=0)
    return retrieval_metrics(images, texts, corpus.matches, ks=(1, 5))["rsum"]


def test_one_step_changes_the_weights_of_the_network_in_both_branches():
    network = small_network()
    model = attach_losses(network)
    assert [id(w) for w in model.trainable_weights] == [id(w) for w in network.trainable_weights]
    before = [weight.numpy() for weight in network.trainable_weights]
    model.compile(keras.optimizers.SGD(0.5))
    model.fit(neighborhood_batches(toy_corpus(), 12).take(1), epochs=1, shuffle=False, verbose=0)
    for branch in (network.image_branch, network.text_branch):
        for name in ("hidden", "embedding"):
            kernel = branch.get_layer(name).kernel
            index = [id(weight) for weight in network.trainable_weights].index(id(kernel))
            assert not np.array_equal(kernel.numpy(), before[index]), (branch.name, name)


def test_the_output_is_the_loss_of_the_networks_embeddings():
    network = small_network()
    layer = BidirectionalRanking(margin=0.3, top_k=4, text_neighborhood_weight=0.5)
    model = attach_losses(network, layer, name="with_loss")
    assert model.name == "with_loss"
    batch = next(iter(neighborhood_batches(toy_corpus(), 6)))
    embeddings = network({"image": batch["image"], "text": batch["text"]})
    expected = bidirectional_ranking_loss(
        embeddings["image"],
        embeddings["text"],
        batch["matches"],
        **{name: batch[name] for name in MASKS[1:]},
        margin=0.3,
        top_k=4,
        text_neighborhood_weight=0.5,
    )
    np.testing.assert_allclose(model(batch), expected, rtol=1e-5)
    np.testing.assert_allclose(model.losses, [expected], rtol=1e-5)


def test_the_loss_falls_and_retrieval_rises_on_a_learnable_problem():
    corpus = toy_corpus()
    network = small_network()
    first = rsum(network, corpus)
    model = attach_losses(network, BidirectionalRanking(margin=0.2))
    model.compile(keras.optimizers.Adam(0.01))
    history = model.fit(
        neighborhood_batches(corpus, 12),
        epochs=8,
        shuffle=False,
        verbose=0,
        validation_data=neighborhood_batches(toy_corpus(seed=1), 12),
    ).history
    assert history["loss"][-1] < 0.3 * history["loss"][0]
    assert history["violating"][-1] < history["violating"][0]
    assert rsum(network, corpus) > first + 100
    # The validation set has other images of the same two views, so that it must fall as well.
    assert len(history["val_loss"]) == 8
    assert history["val_loss"][-1] < 0.7 * history["val_loss"][0]
    assert "val_violating" in history
    assert "val_text_anchor" in history


def test_evaluate_gives_the_mean_loss_of_the_batches():
    network = small_network(dropout=0.5)
    model = attach_losses(network)
    model.compile("sgd")
    batches = list(neighborhood_batches(toy_corpus(), 12))
    expected = np.mean([model(batch, training=False) for batch in batches])
    found = model.evaluate(neighborhood_batches(toy_corpus(), 12), verbose=0, return_dict=True)
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-5)


def test_the_saved_network_holds_nothing_of_the_training(tmp_path):
    network = small_network()
    model = attach_losses(network)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(neighborhood_batches(toy_corpus(), 12), epochs=1, shuffle=False, verbose=0)
    network.save(tmp_path / "network.keras")
    with zipfile.ZipFile(tmp_path / "network.keras") as archive:
        config = archive.read("config.json").decode()
    for word in ("Ranking", "margin", "Adam", "optimizer", "losses"):
        assert word not in config, word
    assert set(json.loads(config)["config"]) == {
        "name",
        "trainable",
        "dtype",
        "image_dim",
        "text_dim",
        "hidden_dim",
        "embedding_dim",
        "dropout",
        "noise",
    }
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.losses == []
    assert not loaded.compiled
    ours, theirs = network.get_weights(), loaded.get_weights()
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs))
    assert len(network.losses) == 0


@pytest.mark.parametrize("policy", ["mixed_bfloat16"])
def test_mixed_precision(policy):
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        model = attach_losses(small_network())
        model.compile(keras.optimizers.Adam(0.01))
        batches = neighborhood_batches(toy_corpus(), 12)
        history = model.fit(batches, epochs=5, shuffle=False, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert history["loss"][-1] < 0.6 * history["loss"][0]


def test_under_xla():
    """`jit_compile=True` must be taken at its word; Keras falls back with a warning alone."""
    model = attach_losses(small_network(), BidirectionalRanking(top_k=2))
    model.compile(keras.optimizers.SGD(0.1), jit_compile=True)
    assert model.jit_compile is True
    history = model.fit(
        neighborhood_batches(toy_corpus(), 12), epochs=1, shuffle=False, verbose=0
    ).history
    assert np.isfinite(history["loss"]).all()


def test_the_first_choice_runs_without_xla_unless_there_is_an_accelerator():
    model = attach_losses(small_network())
    model.compile("sgd")
    assert model.jit_compile is bool(tf.config.list_physical_devices("GPU"))


def test_another_loss_layer_and_another_network():
    class Sum(keras.layers.Layer):
        def call(self, inputs):
            images, texts, *masks = inputs
            assert len(masks) == 4
            loss = tf.reduce_sum(images) + tf.reduce_sum(texts)
            self.add_loss(loss)
            return loss

        def compute_output_shape(self, input_shape):
            return ()

    image, text = keras.Input((3,), name="image"), keras.Input((2,), name="text")
    outputs = {"image": keras.layers.Dense(4)(image), "text": keras.layers.Dense(4)(text)}
    model = attach_losses(keras.Model({"image": image, "text": text}, outputs), Sum())
    assert sorted(model.input) == sorted(["image", "text", *MASKS])
    assert model.input["image"].shape == (None, 3)
    assert model.input["text"].shape == (None, 2)
