"""Tests of the linear network: its two matrices, and that it counts as an embedding network."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from tb_keras.batching import neighborhood_batches
from tb_keras.losses import BidirectionalRanking
from tb_keras.networks import EmbeddingNetwork, LinearNetwork
from tb_keras.search import Index
from tb_keras.serving import ExportedNetwork, export
from tb_keras.training import attach_losses, network_metrics
from tests.training.toy_corpora import retrieval_corpus

CORPUS = retrieval_corpus(12, 0)


def projected(seed=0, dtype=None):
    """A network with projections, and these."""
    rng = np.random.default_rng(seed)
    network = LinearNetwork(7, np.int64(7), embedding_dim=3, dtype=dtype)
    projections = {
        view: (rng.normal(size=7), rng.uniform(0.5, 2, 7), rng.normal(size=(7, 3)))
        for view in ("image", "text")
    }
    for view, projection in projections.items():
        network.set_projection(view, *projection)
    return network, projections


def embedded(features, mean, deviation, directions):
    found = (features - mean) / deviation @ directions
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_embeddings_and_scores_are_the_closed_form():
    network, projections = projected()
    images = embedded(CORPUS.image_features, *projections["image"])
    texts = embedded(CORPUS.text_features, *projections["text"])
    np.testing.assert_allclose(network.embed_images(CORPUS.image_features), images, atol=1e-5)
    np.testing.assert_allclose(network.embed_texts(CORPUS.text_features), texts, atol=1e-5)
    scores = network.score_matrix(CORPUS.image_features, CORPUS.text_features)
    np.testing.assert_allclose(scores, images @ texts.T, atol=1e-5)
    called = network({"image": CORPUS.image_features, "text": CORPUS.text_features})
    np.testing.assert_allclose(called["image"], images, atol=1e-5)


def test_it_counts_as_an_embedding_network_and_has_no_hidden_layer():
    network, _ = projected()
    assert isinstance(network, EmbeddingNetwork)
    assert [w.shape for w in network.trainable_weights] == [(7, 3), (7, 3)]
    assert network.count_params() == 2 * (7 * 3 + 7 + 7)


@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
def test_the_config_is_json(dtype):
    network, _ = projected(dtype=dtype)
    config = json.loads(json.dumps(network.get_config()))
    assert (config["text_dim"], config["embedding_dim"]) == (7, 3)
    restored = LinearNetwork.from_config(config)
    assert restored.get_config() == network.get_config() == config
    assert [w.path for w in restored.weights] == [w.path for w in network.weights]


LOADED = """
import sys, keras, numpy as np, tb_keras
network = keras.saving.load_model(sys.argv[1])
features = np.load(sys.argv[2])
print(type(network).__name__, type(network).__mro__[1].__name__)
np.save(sys.argv[3], network.embed_images(features))
"""


def test_saved_and_loaded_in_another_process(tmp_path):
    network, _ = projected()
    network.save(tmp_path / "network.keras")
    np.save(tmp_path / "features.npy", CORPUS.image_features)
    files = [str(tmp_path / name) for name in ("network.keras", "features.npy", "found.npy")]
    process = subprocess.run(
        [sys.executable, "-c", LOADED, *files], capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr[-3000:]
    assert process.stdout.split() == ["LinearNetwork", "EmbeddingNetwork"]
    np.testing.assert_allclose(
        np.load(tmp_path / "found.npy"), network.embed_images(CORPUS.image_features), atol=1e-6
    )


def test_evaluated_exported_and_searched_like_an_embedding_network(tmp_path):
    network, projections = projected()
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


def test_it_learns_by_the_ranking_loss_as_well():
    keras.utils.set_random_seed(0)
    network = LinearNetwork(7, 7, embedding_dim=3)
    network.standardize(CORPUS.image_features, CORPUS.text_features)
    before = network_metrics(network, CORPUS)["rsum"]
    model = attach_losses(network, BidirectionalRanking(margin=0.2))
    model.compile(keras.optimizers.Adam(0.02))
    batches = neighborhood_batches(CORPUS, 12)
    model.fit(batches.repeat(20), epochs=1, shuffle=False, verbose=0)
    assert network_metrics(network, CORPUS)["rsum"] > before + 50


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: LinearNetwork(0, 4), "`image_dim` must be a positive int. Received: .*0"),
        (lambda n: LinearNetwork(4, 4, 2.5), "`embedding_dim` must be a positive int.*2.5"),
        (lambda n: n.set_projection("both", 0, 1, 2), "`view` must be 'image' or 'text'.*'both'"),
        (lambda n: n.set_projection("text", np.zeros(7), np.ones(7), np.eye(7)), "[sS]hape"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(projected()[0])
