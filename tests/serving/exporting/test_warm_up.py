"""Tests of warm-up requests: read by the official proto, and replayed in another process."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.regions import region_encoder as region_encoder_module
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.encoders.text.fitted_text_encoder import fit_text_encoder
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving import export
from tb_keras.serving.exporting.warm_up import WARM_UP_FILE, write_warm_up
from tests.serving.exporting.asking import described
from tests.serving.small_models import TEXT_DIM, image_encoder, network, text_encoder

SIZES = [1, 1, 2, 3]  # of the requests to each signature, with batch_sizes=(1, 2, 3)

# Runs every request as a server would, and says what came of it.
REPLAY = """
import json
import sys

import numpy as np
import tensorflow as tf
import tensorflow_text
from tensorflow_serving.apis import prediction_log_pb2

answers = {}
for version in sys.argv[1:]:
    signatures = tf.saved_model.load(version).signatures
    answers[version] = []
    for record in tf.data.TFRecordDataset(version + "/assets.extra/tf_serving_warmup_requests"):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        outputs = signatures[request.model_spec.signature_name](**inputs)
        for output in outputs.values():
            values = output.numpy()
            number = values.dtype.kind == "f"
            answers[version].append({
                "signature": request.model_spec.signature_name,
                "rows": len(values),
                "size": values.size,
                "finite": bool(np.isfinite(values).all()) if number else True,
                "distinct": len({str(np.round(row, 4) if number else row) for row in values}),
            })
print(json.dumps(answers))
"""


def picture_encoder():
    """String `(n,)` → float32 `(n, 7)`."""
    image_bytes = keras.Input((), dtype="string")
    pixels = DecodeImages(32, 32)(image_bytes)
    return keras.Model(image_bytes, image_encoder("small", size=32)(pixels))


def localizer(directory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_encoder_module, "image_encoder", image_encoder)
        encoder = RegionEncoder("small", size=32)
    return export(network(encoder.feature_dim, TEXT_DIM), directory, encoder, text_encoder())


def trained_texts(directory):
    """Of a network with a text encoder of its own, which takes word indices."""
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


def searching(directory):
    """Signatures with k, in the place of an export with a corpus."""
    corpus = tf.constant(np.random.default_rng(0).normal(size=(5, TEXT_DIM)), tf.float32)
    encoder = text_encoder()

    def search(text, k):
        width = tf.minimum(tf.reduce_max(k), 5)
        score, rows = tf.math.top_k(tf.matmul(encoder(text), corpus, transpose_b=True), width)
        return {"id": tf.strings.as_string(rows), "score": score}

    asked = [tf.TensorSpec((None,), tf.string, "text"), tf.TensorSpec((None,), tf.int32, "k")]
    root = tf.Module()
    root.function = tf.function(search, input_signature=asked)
    signature = {"search": root.function.get_concrete_function()}
    tf.saved_model.save(root, str(directory / "1"), signatures=signature)
    return directory / "1"


@pytest.fixture(scope="module")
def versions(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    pictures = picture_encoder()
    both = {"image_encoder": pictures, "text_encoder": text_encoder()}
    made = {
        "embedding": export(network(7, TEXT_DIM), root / "embedding", **both),
        "similarity": export(network(7, TEXT_DIM, "similarity"), root / "similarity", **both),
        "images": export(network(7, 9), root / "images", pictures),
        "localizer": localizer(root / "localizer"),
        "trained_texts": trained_texts(root / "trained_texts"),
        "search": searching(root / "search"),
    }
    for version in made.values():
        write_warm_up(version, batch_sizes=(1, 2, 3))
    return made


@pytest.fixture(scope="module")
def replayed(versions):
    """What another process gets of the requests, by the model's name."""
    paths = {name: str(version) for name, version in versions.items()}
    found = subprocess.run(
        [sys.executable, "-c", REPLAY, *paths.values()],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    answers = json.loads(found.stdout.splitlines()[-1])
    return {name: answers[path] for name, path in paths.items()}


def requests_of(version):
    records = tf.data.TFRecordDataset(str(version / WARM_UP_FILE)).as_numpy_iterator()
    logs = [prediction_log_pb2.PredictionLog.FromString(record) for record in records]
    assert {log.WhichOneof("log_type") for log in logs} == {"predict_log"}
    return [log.predict_log.request for log in logs]


NAMES = "embedding similarity images localizer trained_texts search".split()


@pytest.mark.parametrize("name", NAMES)
def test_every_signature_is_asked_what_it_takes(versions, name):
    signatures = described(versions[name])
    asked = {signature: [] for signature in signatures}
    for request in requests_of(versions[name]):
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


@pytest.mark.parametrize("name", NAMES)
def test_a_server_gets_finite_answers(versions, replayed, name):
    answers = replayed[name]
    assert {answer["signature"] for answer in answers} == set(described(versions[name]))
    assert all(answer["finite"] and answer["size"] for answer in answers)
    for signature, (inputs, outputs) in described(versions[name]).items():
        found = [answer for answer in answers if answer["signature"] == signature]
        assert sorted(answer["rows"] for answer in found) == sorted(SIZES * len(outputs))
        if ("features", "int32") not in {(key, dtype) for key, (_, dtype) in inputs.items()}:
            # Of three rows the third is the first again.
            assert {answer["distinct"] for answer in found if answer["rows"] > 1} == {2}


def test_pictures_and_texts_differ(versions):
    requests = requests_of(versions["embedding"])
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


def test_the_default_is_far_below_the_limit_and_overwrites(versions):
    version = versions["embedding"]
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


def test_errors(versions, tmp_path, monkeypatch):
    version = versions["images"]
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
