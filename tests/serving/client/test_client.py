"""Tests of the client where servers fail, and of what it refuses to send."""

import http.server
import pickle
import socket
import sys
import threading

import numpy as np
import pytest

grpc = pytest.importorskip("grpc")
pytest.importorskip("tensorflow_serving")
pytest.importorskip("requests")

from tb_keras.serving.client import grpc_transport, rest_transport  # noqa: E402
from tb_keras.serving.client.client import Client  # noqa: E402
from tb_keras.serving.client.transport import Answer, ServingError  # noqa: E402
from tests.serving.client.scripted_servers import Script, scripted  # noqa: E402

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """A tenth of the pauses between attempts; gRPC fails with one of a thousandth of a second."""
    for transport in (grpc_transport, rest_transport):
        monkeypatch.setattr(transport, "FIRST_BACKOFF", transport.FIRST_BACKOFF / 10)


@BOTH
@pytest.mark.parametrize("picture", [b"small", b"x" * 3_000_000], ids=["small", "large"])
def test_what_is_unavailable_is_asked_again(protocol, picture):
    script = Script(["UNAVAILABLE", "UNAVAILABLE"])
    with scripted(protocol, script) as address, Client("m", address, protocol=protocol) as client:
        assert client.embed_images([picture] * 2).shape == (2, 2)
        assert [rows for rows, _ in script.requests] == [2, 2, 2]


@BOTH
@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_attempts_come_to_an_end(protocol, attempts):
    script = Script(["UNAVAILABLE"] * 9)
    with (
        scripted(protocol, script) as address,
        Client("m", address, protocol=protocol, attempts=attempts) as client,
    ):
        with pytest.raises(ServingError, match=r"'m' at .*as told") as caught:
            client.embed_texts(["a"])
        assert caught.value.code == "UNAVAILABLE"
        assert len(script.requests) == attempts


@BOTH
@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"])
def test_other_failures_are_not_asked_again(protocol, code):
    script = Script([code])
    with scripted(protocol, script) as address, Client("m", address, protocol=protocol) as client:
        with pytest.raises(ServingError, match="as told") as caught:
            client.embed_texts(["a"])
        assert caught.value.code == code
        assert len(script.requests) == 1
        assert client.embed_texts(["a"]).shape == (1, 2)


@BOTH
def test_the_deadline(protocol):
    script = Script()
    script.late.clear()
    with (
        scripted(protocol, script) as address,
        Client("m", address, protocol=protocol, timeout=0.3) as client,
    ):
        with pytest.raises(ServingError) as caught:
            client.embed_texts(["a"])
        script.late.set()  # only now does the server answer
        assert caught.value.code == "DEADLINE_EXCEEDED"
        assert len(script.requests) == 1


@BOTH
def test_a_server_that_is_not_there(protocol):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with (
            Client("m", address, protocol=protocol) as client,
            pytest.raises(ServingError, match=address) as caught,
        ):
            client.embed_texts(["a"])
        assert caught.value.code == "UNAVAILABLE"


@BOTH
def test_batches(protocol):
    script = Script()
    with (
        scripted(protocol, script) as address,
        Client("m", address, protocol=protocol, batch_size=3) as client,
    ):
        assert client.embed_texts(["a"] * 7).shape == (7, 2)
        assert [rows for rows, _ in script.requests] == [3, 3, 1]
        script.codes = [None, "INVALID_ARGUMENT"]
        with pytest.raises(ServingError, match=r"the batch that starts at `texts\[3\]`"):
            client.embed_texts(["a"] * 7)


def test_one_answer_comes_from_one_version():
    script = Script(versions=[1, 1, 2])
    with scripted("grpc", script) as address, Client("m", address, batch_size=2) as client:
        np.testing.assert_array_equal(client.embed_texts(["a"] * 5), np.full((5, 2), 2.0))
        assert script.requests == [(2, 0), (2, 0), (1, 0), (2, 2), (2, 2)]


def test_an_answer_that_is_no_json():
    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_error(502, "no upstream")

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/"
        with (
            Client("m", address, protocol="rest") as client,
            pytest.raises(ServingError, match=r"(?s)no upstream.*HTTP 502") as caught,
        ):
            client.embed_texts(["a"])
        thread.join()
    assert caught.value.code == "UNKNOWN"


def test_an_error_survives_pickling():
    error = pickle.loads(pickle.dumps(ServingError("NOT_FOUND", "no such model")))
    assert (error.code, str(error)) == ("NOT_FOUND", "NOT_FOUND: no such model")


@pytest.mark.parametrize(
    ("method", "arguments", "error", "words"),
    [
        ("embed_texts", ["a dog"], ValueError, "`texts` must be a sequence of strings"),
        ("embed_texts", [["a", b"b"]], ValueError, r"`texts\[1\]` must be a string"),
        ("embed_texts", [["a", "\ud800"]], ValueError, r"`texts\[1\]` must be valid Unicode"),
        ("embed_images", ["a.png"], ValueError, "`pictures` must be a sequence"),
        ("embed_images", [b"PNG"], ValueError, "`pictures` must be a sequence"),
        ("embed_images", [[b"PNG", 3]], ValueError, r"`pictures\[1\]` must be a path or bytes"),
        ("embed_images", [[b"", "no.png"]], FileNotFoundError, r"`pictures\[1\]` must be a file"),
        ("similarity", [[b"a"], ["a", "b"]], ValueError, r"len\(pictures\)=1, len\(texts\)=2"),
        ("search", [["a"], 0], ValueError, "`k` must be a positive int"),
        ("search", ["a dog", 3], ValueError, "`texts`"),
        ("search_texts", [b"PNG", 3], ValueError, "`pictures`"),
    ],
)
def test_wrong_arguments_are_not_sent(method, arguments, error, words):
    script = Script()
    with scripted("rest", script) as address, Client("m", address, protocol="rest") as client:
        with pytest.raises(error, match=words):
            getattr(client, method)(*arguments)
        assert script.requests == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ""}, "`model`"),
        ({"protocol": "http"}, '`protocol` must be "grpc" or "rest"'),
        ({"version": 1, "label": "stable"}, "`version` and `label` must not both"),
        ({"version": -1}, "`version` must be a non-negative int"),
        ({"timeout": 0}, "`timeout` must be positive"),
        ({"attempts": 0}, "`attempts` must be a positive int"),
        ({"attempts": 6}, "`attempts` must be at most 5"),
        ({"batch_size": 0}, "`batch_size` must be a positive int"),
        ({"address": "http://localhost:8501"}, '`address` must be "host:port" over gRPC'),
        ({"protocol": "rest", "credentials": object()}, "`credentials` are for"),
    ],
)
def test_wrong_settings(options, words):
    with pytest.raises(ValueError, match=words):
        Client(**{"model": "m", **options})


@pytest.mark.parametrize(
    ("protocol", "package"), [("grpc", "tensorflow_serving.apis"), ("rest", "requests")]
)
def test_without_the_package(monkeypatch, protocol, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r'pip install "tb_keras\[serving\]"'):
        Client("m", protocol=protocol)


def test_padding_for_the_larger_k_of_another_client_is_left_out(monkeypatch):
    client = Client("m", "localhost:1")
    outputs = {
        "id": np.array([["a", "b", ""], ["c", "", ""]], object),
        "score": np.array([[3, 2, 0], [1, 0, 0]], np.float32),
    }
    monkeypatch.setattr(client._transport, "predict", lambda *_: Answer(outputs, 1))
    ids, scores = client.search(["x", "y"], k=2)
    assert ids == [["a", "b"], ["c"]]
    assert [row.tolist() for row in scores] == [[3, 2], [1]]
