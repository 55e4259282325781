"""Tests of the start by a matrix, and of the networks that are nothing but such starts."""

import json

import keras
import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork, LinearStart
from tb_keras.search import Index
from tb_keras.serving import ExportedNetwork, export
from tb_keras.training import network_metrics
from tests.training.toy_corpora import retrieval_corpus

CORPUS = retrieval_corpus(12, 0)


def arrays(rng, dim=7, size=3):
    return rng.normal(size=dim), rng.uniform(0.5, 2, dim), rng.normal(size=(dim, size))


def linear_network(seed=0, dtype=None):
    """A network of two starts alone, and their arrays."""
    rng = np.random.default_rng(seed)
    projections = {view: arrays(rng) for view in ("image", "text")}
    starts = {f"{view}_start": LinearStart(*found) for view, found in projections.items()}
    network = EmbeddingNetwork(7, np.int64(7), hidden_dim=0, dtype=dtype, **starts)
    return network, projections


def embedded(features, mean, deviation, directions):
    found = (features - mean) / deviation @ directions
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_it_is_a_matrix_of_standardised_features():
    rng = np.random.default_rng(3)
    mean, deviation, directions = arrays(rng)
    start = LinearStart(mean, deviation, directions)
    rows = rng.normal(size=(5, 7)).astype("float32")
    expected = (rows - mean) / deviation @ directions
    np.testing.assert_allclose(start(rows), expected, rtol=1e-4, atol=1e-5)
    assert (start.feature_dim, start.size, start.scale) == (7, 3, 1.0)
    start.trainable = True
    assert start.trainable_weights == []


def test_embeddings_and_scores_are_the_closed_form():
    network, projections = linear_network()
    images = embedded(CORPUS.image_features, *projections["image"])
    texts = embedded(CORPUS.text_features, *projections["text"])
    np.testing.assert_allclose(network.embed_images(CORPUS.image_features), images, atol=1e-5)
    np.testing.assert_allclose(network.embed_texts(CORPUS.text_features), texts, atol=1e-5)
    scores = network.score_matrix(CORPUS.image_features, CORPUS.text_features)
    np.testing.assert_allclose(scores, images @ texts.T, atol=1e-5)
    called = network({"image": CORPUS.image_features, "text": CORPUS.text_features})
    np.testing.assert_allclose(called["image"], images, atol=1e-5)


def test_without_a_hidden_layer_it_has_no_weights_but_the_starts():
    network, _ = linear_network()
    assert network.trainable_weights == []
    assert network.count_params() == 2 * (7 * 3 + 7 + 7)
    kinds = [type(layer).__name__ for layer in network.image_branch.layers[1:]]
    assert kinds == ["LinearStart", "L2Normalization"]


@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
def test_the_config_is_json_and_the_saved_network_the_same(dtype, tmp_path):
    network, _ = linear_network(dtype=dtype)
    config = json.loads(json.dumps(network.get_config()))
    assert (config["text_dim"], config["embedding_dim"]) == (7, 3)
    restored = EmbeddingNetwork.from_config(config)
    assert restored.get_config() == network.get_config() == config
    assert [w.shape for w in restored.weights] == [w.shape for w in network.weights]
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(
        loaded.embed_images(CORPUS.image_features), network.embed_images(CORPUS.image_features)
    )


def test_evaluated_exported_and_searched_like_an_embedding_network(tmp_path):
    network, projections = linear_network()
    metrics = network_metrics(network, CORPUS)
    exported = ExportedNetwork(export(network, tmp_path / "model"))
    assert exported.network == "cca"
    np.testing.assert_allclose(
        exported.score(CORPUS.image_features, CORPUS.text_features[:12]),
        network.score(CORPUS.image_features, CORPUS.text_features[:12]),
        atol=1e-5,
    )
    assert metrics["t2i_queries"] == CORPUS.num_texts
    texts = network.embed_texts(CORPUS.text_features[:2])
    _, rows = Index(network.embed_images(CORPUS.image_features)).search(texts, k=12)
    images = embedded(CORPUS.image_features, *projections["image"])
    np.testing.assert_array_equal(rows, np.argsort(-texts @ images.T, axis=1))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((np.zeros(7), np.ones(7), np.eye(6)), r"`directions` must have shape \(7, 6\).*\(6, 6\)"),
        ((np.zeros(7), np.ones(6), np.eye(7)), r"`deviation` must have shape \(7,\).*\(6,\)"),
        ((np.zeros(7), np.ones(7), np.eye(7), 0.0), "`scale` must be a positive float.*=0.0"),
    ],
)
def test_wrong_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        LinearStart(*wrong)
