"""Tests of warm-up requests: read by the official proto, and replayed in another process."""

import functools
import os
import shutil
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tb_keras.encoders.text.fitted_text_encoder import fit_text_encoder
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving import export
from tb_keras.serving.exporting.warm_up import WARM_UP_FILE, write_warm_up
from tests.cases import slow_but
from tests.serving.exporting.asking import answers_of, described
from tests.serving.exporting.small_exports import picture_encoder

pytestmark = pytest.mark.xdist_group("exports")

# A similarity network has the signatures of an embedding network.
SMALL = ["embedding", "features", "regions"]
NAMES = [*SMALL, "trained_texts"]
SIZES = [1, 1, 2, 3]  # of the requests to each signature, with batch_sizes=(1, 2, 3)


def trained_texts(directory):
    """Exports a network with a text encoder of its own, which takes word indices."""
    vectors = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    encoder, word_encoder = fit_text_encoder(
        "lstm",
        ["a dog", "a cat"],
        min_texts=1,
        units=4,
        verbose=False,
        word_vectors=WordVectors(["dog", "cat"], vectors),
    )
    sizes = {"hidden_dim": 24, "embedding_dim": 16}
    made = EmbeddingNetwork(7, encoder.output_shape[1], **sizes, text_encoder=word_encoder)
    return export(made, directory, picture_encoder(), encoder)


@pytest.fixture(scope="module")
def version(small_exports, tmp_path_factory):
    """The model's name → its version."""
    root = tmp_path_factory.mktemp("models")

    @functools.cache
    def made(name):
        if name in SMALL:
            # Files are linked: the warm-up is replaced, the other tests' export keeps its own.
            copy = root / name / "1"
            shutil.copytree(small_exports[name].version, copy, copy_function=os.link)
        else:
            copy = trained_texts(root / name)
        write_warm_up(copy, batch_sizes=(1, 2, 3))
        return copy

    return made


def replay(version):
    requests = [
        (
            request.model_spec.signature_name,
            {key: tf.make_ndarray(tensor) for key, tensor in request.inputs.items()},
        )
        for request in requests_of(version)
    ]
    found = []
    for (signature, _), outputs in zip(requests, answers_of(version, requests), strict=True):
        for values in outputs.values():
            number = values.dtype.kind == "f"
            found.append(
                {
                    "signature": signature,
                    "rows": len(values),
                    "size": values.size,
                    "finite": bool(np.isfinite(values).all()) if number else True,
                    "distinct": len({str(np.round(row, 4) if number else row) for row in values}),
                }
            )
    return found


def requests_of(version):
    records = tf.data.TFRecordDataset(str(version / WARM_UP_FILE)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    assert {log.WhichOneof("log_type") for log in logs} == {"predict_log"}
    return [log.predict_log.request for log in logs]


each = pytest.mark.parametrize("name", slow_but("embedding", cases=NAMES))


@each
def test_every_signature_is_asked_what_it_takes(version, name):
    signatures = described(version(name))
    asked = {signature: [] for signature in signatures}
    for request in requests_of(version(name)):
        assert request.model_spec.name == name
        assert request.model_spec.WhichOneof("version_choice") is None
        taken, _ = signatures[request.model_spec.signature_name]
        assert set(request.inputs) == set(taken)
        rows = set()
        for key, tensor in request.inputs.items():
            shape, dtype = taken[key]
            values = tf.make_ndarray(tensor)
            assert tf.as_dtype(tensor.dtype).name == dtype
            assert len(values.shape) == len(shape)
            assert all(size in (-1, given) for size, given in zip(shape, values.shape))
            rows.add(len(values))
            if dtype == "float32":
                assert np.isfinite(values).all()
                assert (values.reshape(len(values), -1) != 0).any(axis=1).all()
            if key == "features" and dtype == "int32":
                assert set(np.unique(values)) <= {0, 1}
            if key == "boxes":
                x0, y0, x1, y1 = np.moveaxis(values, -1, 0)
                assert ((x0 >= 0) & (y0 >= 0) & (x1 > x0 + 1) & (y1 > y0 + 1)).all()
                for image_bytes, right, bottom in zip(
                    tf.make_ndarray(request.inputs["image_bytes"]), x1, y1
                ):
                    height, width, _ = tf.io.decode_image(image_bytes).shape
                    assert (right <= width).all()
                    assert (bottom <= height).all()
        (rows,) = rows
        asked[request.model_spec.signature_name].append(rows)
    assert {signature: sorted(sizes) for signature, sizes in asked.items()} == dict.fromkeys(
        signatures, SIZES
    )


@pytest.mark.parametrize("name", slow_but("features", cases=NAMES))
def test_a_server_gets_finite_answers(version, name):
    answers = replay(version(name))
    assert {answer["signature"] for answer in answers} == set(described(version(name)))
    assert all(answer["finite"] and answer["size"] for answer in answers)
    for signature, (inputs, outputs) in described(version(name)).items():
        found = [answer for answer in answers if answer["signature"] == signature]
        assert sorted(answer["rows"] for answer in found) == sorted(SIZES * len(outputs))
        if ("features", "int32") not in {(key, dtype) for key, (_, dtype) in inputs.items()}:
            # The third row is the first again.
            assert {answer["distinct"] for answer in found if answer["rows"] > 1} == {2}


def test_pictures_and_texts_differ(version):
    requests = requests_of(version("embedding"))
    single = [
        {key: tf.make_ndarray(tensor)[0] for key, tensor in request.inputs.items()}
        for request in requests
        if request.model_spec.signature_name == "similarity"
        and request.inputs["text"].tensor_shape.dim[0].size == 1
    ]
    kinds = [inputs["image_bytes"][:4] for inputs in single]
    assert kinds == [b"\x89PNG", b"\xff\xd8\xff\xe0"]
    short, long = (inputs["text"].split() for inputs in single)
    assert len(short) < 5
    assert len(long) > 20
    pixels = [tf.io.decode_image(inputs["image_bytes"]).numpy().astype(int) for inputs in single]
    assert np.abs(pixels[0] - pixels[1]).mean() > 20


def test_the_default_is_far_below_the_limit_and_overwrites(version):
    version = version("embedding")
    count = write_warm_up(version)
    requests = requests_of(version)
    assert count == len(requests) == 4 * len(described(version))
    assert count <= 100
    sizes = {next(iter(r.inputs.values())).tensor_shape.dim[0].size for r in requests}
    assert sizes == {1, 8, 32}
    assert [path.name for path in (version / WARM_UP_FILE).parent.iterdir()] == [
        "tf_serving_warmup_requests"
    ]
    assert (version / WARM_UP_FILE).stat().st_size < 2**20
    write_warm_up(version, batch_sizes=(1, 2, 3))


def test_errors(version, tmp_path, monkeypatch):
    version = version("embedding")
    for sizes in ((), (0,), (1, -2)):
        with pytest.raises(ValueError, match=r"`batch_sizes` must be positive ints\. Received"):
            write_warm_up(version, batch_sizes=sizes)
    with pytest.raises(FileNotFoundError, match="`version_directory` must hold an exported"):
        write_warm_up(tmp_path)
    root = tf.Module()
    root.function = tf.function(keras.ops.negative)
    asked = root.function.get_concrete_function(tf.TensorSpec((None, 3, 3), tf.float32, "cube"))
    tf.saved_model.save(root, str(tmp_path / "other"), signatures={"turn": asked})
    with pytest.raises(ValueError, match=r"Received: 'turn' takes 'cube', float32 \[-1, 3, 3\]"):
        write_warm_up(tmp_path / "other")
    assert not (tmp_path / "other" / "assets.extra").exists()
    before = (version / WARM_UP_FILE).read_bytes()
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with pytest.raises(ImportError, match=r'pip install "tb_keras\[serving\]"'):
        write_warm_up(version)
    assert (version / WARM_UP_FILE).read_bytes() == before
