"""Tests of the export with text encoders that were fitted to texts, asked in another process."""

import os
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tb_keras.encoders import text_encoder as text_encoder_of
from tb_keras.encoders.text.fitted_text_encoder import fit_text_encoder
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.features import encode_texts
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.serving import ExportedNetwork, export
from tb_keras.serving.exported.saved_model import open_saved_model
from tests.serving.exporting.asking import SIZES, ask_all, described
from tests.serving.small_models import TEXT_DIM as IMAGE_DIM
from tests.serving.small_models import text_encoder as bytes_encoder

NAMES = ("tfidf", "mean_words", "hglmm", "attended_words", "lstm", "bidirectional_lstm")
TRAINED = NAMES[3:]
CORPUS = ["a dog", "The cat and the dog", "a bus in the rain", "rain, rain, a cat"]
TEXTS = ["A DOG!", "", "unknown", "word " * 300, "🐕 犬 cat", "x\x00rain", b"\xff bus"]


def fitted(name):
    words = "a the dog cat bus rain 犬".split()
    vectors = np.random.default_rng(0).normal(size=(len(words), 5)).astype("float32")
    settings = {} if name == "tfidf" else {"word_vectors": WordVectors(words, vectors)}
    if name == "hglmm":
        settings |= {"num_centers": 2, "components": 3}
    return fit_text_encoder(name, CORPUS, min_texts=1, units=4, verbose=False, **settings)


def network(dim, word_encoder, kind):
    sizes = {"hidden_dim": 24, "embedding_dim": 16}
    if kind is SimilarityNetwork:
        sizes["joint_dims"] = (6,)
    made = kind(IMAGE_DIM, dim, **sizes, text_encoder=word_encoder)
    rng = np.random.default_rng(0)
    for weight in made.weights:
        if weight.name in ("moving_mean", "moving_variance"):
            weight.assign(rng.uniform(0.1, 0.5, weight.shape))
    return made


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Of each name: the network, what it gives here, its version, and the answers of a client."""
    directory = tmp_path_factory.mktemp("exported")
    os.environ["TB_KERAS_CACHE"] = str(directory / "cache")
    bytes_of = [text if isinstance(text, bytes) else text.encode() for text in TEXTS]
    made, asked = {}, {}
    for name in NAMES:
        encoder, word_encoder = fitted(name)
        kind = SimilarityNetwork if name == "lstm" else EmbeddingNetwork
        net = network(encoder.output_shape[1], word_encoder, kind)
        features = encoder.predict(tf.constant(bytes_of), verbose=0)
        file = str(directory / f"{name}.keras")
        encoder.save(file)
        version = export(net, directory / name, bytes_encoder(), text_encoder_of(file))
        os.remove(file)
        made[name] = net, features, net.embed_texts(features), version
        pictures = np.array([bytes([65 + i] * 20) for i in range(len(TEXTS))], object)
        strings = np.array(bytes_of, object)
        asked[name] = (
            version,
            {
                "embed_text": {"text": strings},
                "embed_text_features": {"features": features},
                "similarity": {"image_bytes": pictures, "text": strings},
            },
        )
    answers = ask_all(asked, directory / "client")
    return {name: (*made[name], answers[name]) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_answers_from_raw_strings(exported, name):
    _, features, expected, _, answers = exported[name]
    assert np.isfinite(expected).all()
    assert len(np.unique(expected.round(3), axis=0)) >= 4  # texts differ
    for signature in ("embed_text", "embed_text_features"):
        for size in SIZES:
            np.testing.assert_allclose(answers[f"{signature}/{size}"], expected, atol=1e-5)
    assert answers["similarity/7"].shape == (len(TEXTS),)
    assert features.dtype == ("int32" if name in TRAINED else "float32")


@pytest.mark.parametrize("name", NAMES)
def test_signatures(exported, name):
    _, features, _, version, _ = exported[name]
    dim = features.shape[1]
    found = described(version)["embed_text_features"][0]
    assert found == {"features": ([-1, dim], "int32" if name in TRAINED else "float32")}


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_runs_on_a_server(exported, name):
    content = (exported[name][3] / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    operations = {node.op for function in graph.library.function for node in function.node_def}
    assert {"CaseFoldUTF8", "MatMul"} <= operations
    assert not [op for op in operations if re.search("Py.*Func|Xla|Trimmer|Utf8Binarize", op)]


@pytest.mark.parametrize("name", ["lstm", "tfidf"])
def test_the_exported_network(exported, name):
    _, features, expected, version, _ = exported[name]
    model = ExportedNetwork(version)
    np.testing.assert_allclose(model.embed_texts(features), expected, atol=1e-5)
    if name in TRAINED:
        found = model.embed_texts(features.astype("int64"))
        np.testing.assert_allclose(found, expected, atol=1e-5)
        with pytest.raises(ValueError, match=r"`features` must be ints.*dtype=float32"):
            model.embed_texts(features.astype("float32"))


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("bad", [-1, 1000])
def test_word_indices_out_of_range_are_refused(exported, name, bad):
    _, features, _, version, _ = exported[name]
    features = features.copy()
    features[3, 0] = bad
    message = (
        r"\[3,0\] = 1000 is not in \[0, " if bad > 0 else "not be negative.*positions: \\[3\\]"
    )
    embed = open_saved_model(version).signatures["embed_text_features"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        embed(features=tf.constant(features))


def test_an_encoder_of_the_other_kind(exported, tmp_path):
    indices, _ = fitted("lstm")
    dim = indices.output_shape[1]
    plain = network(dim, None, EmbeddingNetwork)
    with pytest.raises(ValueError, match=r"`text_encoder` must give float32 .*Received: int32"):
        export(plain, tmp_path, bytes_encoder(), indices)
    strings = keras.Input((), dtype="string")
    floats = keras.Model(strings, keras.ops.cast(indices(strings), "float32"))
    net = network(dim, fitted("lstm").word_encoder, EmbeddingNetwork)
    with pytest.raises(ValueError, match=r"`text_encoder` must give int32 .*Received: float32"):
        export(net, tmp_path, bytes_encoder(), floats)


def test_features_from_the_cache_are_those_of_the_graph(tmp_path, monkeypatch, exported):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    file = str(tmp_path / "words.keras")
    fitted("lstm").encoder.save(file)
    found = encode_texts(TEXTS[:6], file, verbose=False)
    np.testing.assert_array_equal(found, exported["lstm"][1][:6])
