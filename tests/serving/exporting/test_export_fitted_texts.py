"""Tests of the export with text encoders that were fitted to texts, asked in another process."""

import functools
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tb_keras.features import encode_texts
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving import ExportedNetwork, export
from tb_keras.serving.exported.saved_model import open_saved_model
from tests.cases import slow_but
from tests.serving.exporting.asking import SIZES, ask, described
from tests.serving.exporting.fitted_exports import NAMES, STRINGS, TEXTS, TRAINED, fitted, network
from tests.serving.small_models import text_encoder as bytes_encoder

pytestmark = pytest.mark.xdist_group("exports")


each = pytest.mark.parametrize("name", slow_but("lstm", cases=NAMES))


@pytest.fixture(scope="module")
def answers(fitted_export):
    """The encoder's name → another process's answers."""
    pictures = np.array([bytes([65 + i] * 20) for i in range(len(STRINGS))], object)
    strings = np.array(STRINGS, object)

    @functools.cache
    def asked(name):
        made = fitted_export(name)
        return ask(
            made.version,
            {
                "embed_text": {"text": strings},
                "embed_text_features": {"features": made.features},
                "similarity": {"image_bytes": pictures, "text": strings},
            },
        )

    return asked


@each
def test_answers_from_raw_strings(fitted_export, answers, name):
    features, expected, _ = fitted_export(name)
    assert np.isfinite(expected).all()
    assert len(np.unique(expected.round(3), axis=0)) >= 4  # texts differ
    for signature in ("embed_text", "embed_text_features"):
        for size in SIZES:
            np.testing.assert_allclose(answers(name)[f"{signature}/{size}"], expected, atol=1e-5)
    assert answers(name)["similarity/7"].shape == (len(TEXTS),)
    assert features.dtype == ("int32" if name in TRAINED else "float32")


@each
def test_signatures(fitted_export, name):
    features, _, version = fitted_export(name)
    dim = features.shape[1]
    found = described(version)["embed_text_features"][0]
    assert found == {"features": ([-1, dim], "int32" if name in TRAINED else "float32")}


@each
def test_the_graph_runs_on_a_server(fitted_export, name):
    content = (fitted_export(name).version / "saved_model.pb").read_bytes()
    graph = saved_model_pb2.SavedModel.FromString(content).meta_graphs[0].graph_def
    operations = {node.op for function in graph.library.function for node in function.node_def}
    assert {"CaseFoldUTF8", "MatMul"} <= operations
    assert not [op for op in operations if re.search("Py.*Func|Xla|Trimmer|Utf8Binarize", op)]


@pytest.mark.parametrize("name", slow_but("lstm", cases=["lstm", "tfidf"]))
def test_the_exported_network(fitted_export, name):
    features, expected, version = fitted_export(name)
    model = ExportedNetwork(version)
    np.testing.assert_allclose(model.embed_texts(features), expected, atol=1e-5)
    if name in TRAINED:
        found = model.embed_texts(features.astype("int64"))
        np.testing.assert_allclose(found, expected, atol=1e-5)
        with pytest.raises(ValueError, match=r"`features` must be ints.*dtype=float32"):
            model.embed_texts(features.astype("float32"))


@pytest.mark.parametrize("name", slow_but("lstm", cases=TRAINED))
@pytest.mark.parametrize("bad", [-1, 1000])
def test_word_indices_out_of_range_are_refused(fitted_export, name, bad):
    features, _, version = fitted_export(name)
    features = features.copy()
    features[3, 0] = bad
    message = (
        r"\[3,0\] = 1000 is not in \[0, " if bad > 0 else "not be negative.*positions: \\[3\\]"
    )
    embed = open_saved_model(version).signatures["embed_text_features"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        embed(features=tf.constant(features))


def test_an_encoder_of_the_other_kind(tmp_path):
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


def test_features_from_the_cache_are_those_of_the_graph(tmp_path, monkeypatch, fitted_export):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    file = str(tmp_path / "words.keras")
    fitted("lstm").encoder.save(file)
    found = encode_texts(TEXTS[:6], file, verbose=False)
    np.testing.assert_array_equal(found, fitted_export("lstm").features[:6])
