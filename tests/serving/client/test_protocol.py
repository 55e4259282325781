"""Tests of the client against servers, and of the stand-in server by the official stub."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

grpc = pytest.importorskip("grpc")
pytest.importorskip("tensorflow_serving")

from tensorflow_serving.apis import (  # noqa: E402
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from tb_keras.serving.client.client import Client  # noqa: E402
from tb_keras.serving.client.transport import ServingError  # noqa: E402
from tests.serving.client.served_models import (  # noqa: E402
    PICTURE_IDS,
    TEXT_IDS,
    TEXTS,
    export_small,
    found_by_hand,
    save_finder,
)
from tests.serving.servers import KINDS, serving  # noqa: E402
from tests.serving.small_models import pictures  # noqa: E402

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A model's directory, and what it answers."""
    version, expected = export_small(tmp_path_factory.mktemp("exported") / "pairs")
    return version.parent, expected


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def served(kind, exported):
    """A server of the exported model."""
    directory, expected = exported
    with serving(kind, directory, "pairs") as addresses:
        yield SimpleNamespace(addresses=addresses, expected=expected)


@pytest.fixture(scope="module")
def finder(kind, tmp_path_factory):
    """A server of the model that searches."""
    directory = tmp_path_factory.mktemp("served") / "finder"
    save_finder(directory)
    with serving(kind, directory, "finder") as addresses:
        yield addresses


def client_of(addresses, protocol, model="pairs", **options):
    return Client(model, getattr(addresses, protocol), protocol=protocol, timeout=60, **options)


def mixed_pictures(directory):
    """Paths, strings and contents in turn."""
    items = pictures()
    for position in (0, 1, 3, 4):
        path = directory / f"{position}.picture"
        path.write_bytes(items[position])
        items[position] = path if position % 2 else str(path)
    return items


@BOTH
@pytest.mark.parametrize("batch_size", [3, 32])
def test_answers(served, protocol, batch_size, tmp_path):
    expected, images = served.expected, mixed_pictures(tmp_path)
    assert np.ptp(expected.scores) > 1e-3
    with client_of(served.addresses, protocol, batch_size=batch_size) as client:
        found = client.embed_images(images)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected.images, atol=1e-5)
        np.testing.assert_allclose(client.embed_texts(TEXTS), expected.texts, atol=1e-5)
        scores = client.similarity(images, TEXTS)
        assert (scores.shape, scores.dtype) == ((len(TEXTS),), np.float32)
        np.testing.assert_allclose(scores, expected.scores, atol=1e-5)


@BOTH
def test_of_nothing(served, finder, protocol):
    with client_of(served.addresses, protocol) as client:
        assert client.embed_images([]).shape == client.embed_texts(()).shape == (0, 16)
        assert client.embed_texts([]).dtype == np.float32
        assert client.similarity([], []).shape == (0,)
    with client_of(finder, protocol, "finder") as client:
        assert client.search([]) == client.search_texts([]) == ([], [])
        with pytest.raises(ServingError, match="embed_text"):
            client.embed_texts([])


@BOTH
@pytest.mark.parametrize("k", [1, 3, 10])
def test_search(finder, protocol, k):
    contents = [f"the bytes {n} of a picture".encode()[::-1] for n in range(5)]
    with client_of(finder, protocol, "finder", batch_size=2) as client:
        for answer, strings, ids in (
            (client.search(TEXTS, k), [text.encode() for text in TEXTS], PICTURE_IDS),
            (client.search_texts(contents, k), contents, TEXT_IDS),
        ):
            expected = found_by_hand(strings, k, ids)
            assert [row for row, s in zip(answer[0], strings) if s] == [
                row for row, s in zip(expected[0], strings) if s
            ]
            assert all(row.dtype == np.float32 for row in answer[1])
            np.testing.assert_allclose(np.stack(answer[1]), expected[1], atol=1e-5)
        assert all(isinstance(name, str) for name in answer[0][0])


@BOTH
@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"model": "dogs"}, "NOT_FOUND", "model 'dogs' at .*Servable not found.*dogs"),
        ({"version": 7}, "NOT_FOUND", "model 'pairs' version 7 at .*Servable not found.*7"),
        ({"label": "nightly"}, "INVALID_ARGUMENT", "label 'nightly' at .*Unrecognized.*nightly"),
    ],
)
def test_what_is_not_there(served, protocol, options, code, words):
    address = getattr(served.addresses, protocol)
    with client_of(served.addresses, protocol, **options) as client:
        with pytest.raises(ServingError, match=words) as caught:
            client.embed_texts(TEXTS)
        assert caught.value.code == code
        assert address in str(caught.value)
        assert "signature 'embed_text'" in str(caught.value)
        if "model" in options:
            with pytest.raises(ServingError, match="dogs") as caught:
                client.versions()
            assert caught.value.code == "NOT_FOUND"


@BOTH
def test_a_missing_signature(served, protocol):
    with (
        client_of(served.addresses, protocol) as client,
        pytest.raises(ServingError, match=r'Serving signature .*"search" not found') as caught,
    ):
        client.search(TEXTS)
    code = {"grpc": "FAILED_PRECONDITION", "rest": "INVALID_ARGUMENT"}[protocol]
    assert caught.value.code == code


@BOTH
@pytest.mark.parametrize("bad", [b"", b"no picture", pictures()[1][:40]])
def test_a_bad_picture(served, protocol, bad):
    items = [*pictures()[:4], bad, *pictures()[4:]]
    with client_of(served.addresses, protocol, batch_size=3) as client:
        with pytest.raises(ServingError, match=r"batch that starts at `pictures\[3\]`") as caught:
            client.embed_images(items)
        assert caught.value.code == "INVALID_ARGUMENT"
        # The connection is none the worse.
        np.testing.assert_allclose(
            client.embed_images(pictures()), served.expected.images, atol=1e-5
        )


def test_the_official_stub(served):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "pairs"  # the default signature
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(pictures()))
    request.inputs["text"].CopyFrom(tf.make_tensor_proto([text.encode() for text in TEXTS]))
    with grpc.insecure_channel(served.addresses.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, timeout=60)
        scores = tf.make_ndarray(answer.outputs["score"])
        np.testing.assert_allclose(scores, served.expected.scores, atol=1e-5)
        assert answer.model_spec.version.value == 1
        status = get_model_status_pb2.GetModelStatusRequest()
        status.model_spec.name = "pairs"
        status.model_spec.version.value = 1
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        (found,) = models.GetModelStatus(status, timeout=60).model_version_status
        assert found.state == get_model_status_pb2.ModelVersionStatus.AVAILABLE


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"words": ["a"]}, "words"),
        ({}, "input size does not match"),
        ({"text": ["a"], "more": ["a"]}, "input size does not match"),
        ({"text": [1.5]}, "text|string"),
        ({"text": [["a"]]}, None),
    ],
)
def test_wrong_inputs_by_the_official_stub(served, inputs, words):
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "pairs", "embed_text"
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    with grpc.insecure_channel(served.addresses.grpc) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        with pytest.raises(grpc.RpcError, match=words) as caught:
            stub.Predict(request, timeout=60)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
