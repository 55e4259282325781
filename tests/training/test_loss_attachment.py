"""Tests of the model that `fit` sees: the network's own weights with the loss on top."""

import json
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.batching import neighborhood_batches
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.losses import BidirectionalRanking, PairwiseLogistic, bidirectional_ranking_loss
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import attach_losses
from tests.cases import slow_but

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


def small_network(kind="embedding", dropout=0.0):
    settings = {"hidden_dim": 32, "embedding_dim": 8, "dropout": dropout}
    if kind == "embedding":
        return EmbeddingNetwork(8, 8, **settings)
    return SimilarityNetwork(8, 8, **settings, joint_dims=(16, 8))


def rsum(network, corpus):
    images = network.image_branch.predict(corpus.image_features, verbose=0)
    texts = network.text_branch.predict(corpus.text_features, verbose=0)
    return retrieval_metrics(images, texts, corpus.matches, ks=(1, 5))["rsum"]


@pytest.mark.parametrize("kind", slow_but("similarity", cases=["embedding", "similarity"]))
def test_one_step_changes_the_weights_of_the_network_in_all_its_parts(kind):
    network = small_network(kind)
    model = attach_losses(network)
    ours, theirs = model.trainable_weights, network.trainable_weights
    assert {id(weight) for weight in ours} == {id(weight) for weight in theirs}
    assert len(ours) == len(theirs)
    before = {id(weight): weight.numpy() for weight in theirs}
    model.compile(keras.optimizers.SGD(0.5))
    model.fit(neighborhood_batches(toy_corpus(), 12).take(1), epochs=1, shuffle=False, verbose=0)
    parts = [(network.image_branch, "hidden embedding"), (network.text_branch, "hidden embedding")]
    parts += [(network.fusion, "joint_1 joint_2 score")] if kind == "similarity" else []
    for part, names in parts:
        for name in names.split():
            kernel = part.get_layer(name).kernel
            assert not np.array_equal(kernel.numpy(), before[id(kernel)]), (part.name, name)


@pytest.mark.parametrize(
    ("kind", "loss"), [("embedding", BidirectionalRanking), ("similarity", PairwiseLogistic)]
)
def test_the_loss_follows_from_the_network(kind, loss):
    network = small_network(kind)
    layer = attach_losses(network).layers[-1]
    assert type(layer) is loss
    assert layer.get_config() == {
        **(loss(network.fusion) if kind == "similarity" else loss()).get_config(),
        "name": layer.name,
    }
    assert getattr(layer, "fusion", network.fusion) is network.fusion


def test_the_logistic_loss_is_that_of_the_networks_branches_and_fusion():
    """One match a text, and all negatives are scored: nothing is drawn."""
    network = small_network("similarity")
    model = attach_losses(network)
    batch = next(iter(neighborhood_batches(toy_corpus(), 6)))
    images, texts = batch["image"].numpy(), batch["text"].numpy()
    rows, columns = (grid.ravel() for grid in np.meshgrid(range(6), range(12), indexing="ij"))
    scores = network({"image": images[rows], "text": texts[columns]}, training=False)
    scores = scores.numpy().reshape(6, 12)
    matches, negatives = batch["matches"].numpy(), batch["negatives"].numpy()
    hardest = np.where(negatives, scores, -np.inf)
    right = scores[matches]
    wrong = np.concatenate([hardest.max(axis=0), hardest.max(axis=1)])
    expected = np.logaddexp(0, np.concatenate([-right, wrong])).mean()
    np.testing.assert_allclose(model(batch, training=False), expected, rtol=1e-5)


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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["embedding", "similarity"])
def test_the_saved_network_holds_nothing_of_the_training(tmp_path, kind):
    network = small_network(kind)
    model = attach_losses(network)
    model.compile(keras.optimizers.Adam(0.01))
    model.fit(neighborhood_batches(toy_corpus(), 12), epochs=1, shuffle=False, verbose=0)
    network.save(tmp_path / "network.keras")
    with zipfile.ZipFile(tmp_path / "network.keras") as archive:
        config = archive.read("config.json").decode()
    for word in ("Ranking", "Logistic", "negatives", "margin", "Adam", "optimizer", "losses"):
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
        "image_start",
        "text_start",
        "image_encoder",
        "text_encoder",
        *(["joint_dims"] if kind == "similarity" else []),
    }
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert type(loaded) is type(network)
    assert loaded.losses == []
    assert not loaded.compiled
    ours, theirs = network.get_weights(), loaded.get_weights()
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs))
    assert len(network.losses) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "share"), [("embedding", 0.6), ("similarity", 0.9)])
def test_mixed_precision(kind, share):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = attach_losses(small_network(kind))
        model.compile(keras.optimizers.Adam(0.01))
        batches = neighborhood_batches(toy_corpus(), 12)
        history = model.fit(batches, epochs=5, shuffle=False, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert history["loss"][-1] < share * history["loss"][0]


@pytest.mark.slow
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


def test_another_loss_layer_and_features_of_different_sizes():
    class Sum(keras.layers.Layer):
        def call(self, inputs):
            images, texts, *masks = inputs
            assert len(masks) == 4
            loss = tf.reduce_sum(images) + tf.reduce_sum(texts)
            self.add_loss(loss)
            return loss

        def compute_output_shape(self, input_shape):
            return ()

    network = EmbeddingNetwork(3, 2, hidden_dim=5, embedding_dim=4)
    model = attach_losses(network, Sum())
    assert sorted(model.input) == sorted(["image", "text", *MASKS])
    assert model.input["image"].shape == (None, 3)
    assert model.input["text"].shape == (None, 2)
    images, texts = np.ones((1, 3), "float32"), np.ones((2, 2), "float32")
    masks = {name: np.zeros((1, 2), bool) for name in MASKS}
    expected = network.embed_images(images).sum() + network.embed_texts(texts).sum()
    found = model({"image": images, "text": texts, **masks})
    np.testing.assert_allclose(found, expected, rtol=1e-5)
