"""Tests of the figures after each epoch, in a real `fit` and for the callbacks that read them."""

import json

import keras
import numpy as np
import pytest

from tb_keras.batching import neighborhood_batches
from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation import retrieval_metrics
from tb_keras.losses import BidirectionalRanking
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import (
    CorpusEvaluation,
    NetworkCheckpoint,
    attach_losses,
    network_metrics,
)
from tests.training.toy_corpora import localization_corpus


def toy_corpus(seed, num_images=24):
    """Images and texts that are two linear views of the same hidden vectors."""
    hidden = np.random.default_rng(seed).normal(size=(num_images, 6))
    views = np.random.default_rng(99).normal(size=(2, 6, 8))
    return Corpus(
        np.repeat(np.arange(num_images), 2),
        image_features=(hidden @ views[0]).astype("float32"),
        text_features=np.repeat(hidden @ views[1], 2, axis=0).astype("float32"),
    )


def expected_metrics(network, corpus, ks=(1, 5, 10)):
    images = network.image_branch.predict(corpus.image_features, verbose=0)
    texts = network.text_branch.predict(corpus.text_features, verbose=0)
    return retrieval_metrics(images, texts, corpus.matches, ks)


@pytest.fixture
def network():
    return EmbeddingNetwork(8, 8, hidden_dim=16, embedding_dim=6, dropout=0.2)


def fit(network, callbacks, epochs, learning_rate):
    model = attach_losses(network, BidirectionalRanking(margin=0.2))
    model.compile(keras.optimizers.Adam(learning_rate))
    return model.fit(
        neighborhood_batches(toy_corpus(0), 12),
        epochs=epochs,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    ).history


def test_the_figures_are_those_of_retrieval_metrics(network):
    corpus = toy_corpus(1)
    logs = {"loss": 0.5}
    CorpusEvaluation(network, corpus, ks=(1, 3)).on_epoch_end(0, logs)
    expected = expected_metrics(network, corpus, (1, 3))
    assert "i2t_recall@3" in expected
    assert logs == {"loss": 0.5, **{f"val_{name}": value for name, value in expected.items()}}


@pytest.mark.parametrize("corpus", [toy_corpus(1), localization_corpus(3, seed=1)])
def test_both_networks_and_both_tasks(corpus):
    """What `network_metrics` gives is tested with it."""
    dims = corpus.image_features.shape[1], corpus.text_features.shape[1]
    for built in (
        EmbeddingNetwork(*dims, hidden_dim=8, embedding_dim=4),
        SimilarityNetwork(*dims, hidden_dim=8, embedding_dim=4, joint_dims=(4,)),
    ):
        logs = {}
        CorpusEvaluation(built, corpus, ks=[2]).on_epoch_end(0, logs)
        expected = network_metrics(built, corpus, [2])
        assert logs == {f"val_{name}": value for name, value in expected.items()}
        assert ("val_recall@2" in logs) == (corpus.grounding is not None)
    CorpusEvaluation(built, corpus).on_epoch_end(0)  # as Keras may call it, without logs


@pytest.mark.slow
def test_val_rsum_drives_the_checkpoint(tmp_path, network):
    corpus = toy_corpus(1)
    path = tmp_path / "network.keras"
    callbacks = [CorpusEvaluation(network, corpus), NetworkCheckpoint(network, path)]
    history = fit(network, callbacks, epochs=8, learning_rate=0.02)
    rsums = history["val_rsum"]
    assert len(rsums) == len(history["val_t2i_recall@10"]) == 8
    assert max(rsums) > rsums[0]
    np.testing.assert_allclose(rsums[-1], expected_metrics(network, corpus)["rsum"])
    best = keras.saving.load_model(path)
    np.testing.assert_allclose(expected_metrics(best, corpus)["rsum"], max(rsums))
    record = json.loads((tmp_path / "network.json").read_text())
    assert record == {"val_rsum": max(rsums), "epoch": int(np.argmax(rsums))}


@pytest.mark.slow
def test_val_rsum_drives_early_stopping(network):
    """The figures of a network that learns nothing more stay as they are."""
    stopping = keras.callbacks.EarlyStopping("val_rsum", mode="max", patience=2)
    callbacks = [CorpusEvaluation(network, toy_corpus(1)), stopping]
    for branch in (network.image_branch, network.text_branch):
        branch.get_layer("hidden_norm").trainable = False  # or its running averages would move
    history = fit(network, callbacks, epochs=9, learning_rate=0.0)
    assert len(set(history["val_rsum"])) == 1
    assert len(history["val_rsum"]) == 3
    assert stopping.stopped_epoch == 2


@pytest.mark.slow
def test_early_stopping_goes_on_while_val_rsum_rises(network):
    stopping = keras.callbacks.EarlyStopping("val_rsum", mode="max", patience=2)
    callbacks = [CorpusEvaluation(network, toy_corpus(1)), stopping]
    rsums = fit(network, callbacks, epochs=40, learning_rate=0.02)["val_rsum"]
    best = int(np.argmax(np.float32(rsums)))  # Keras compares in float32
    assert best > 0
    assert len(rsums) == min(best + 3, 40)
