"""Tests of the interface of tb-serve, without a network."""

import io

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("httpx")
pytest.importorskip("sqlglot")

from fastapi.testclient import TestClient
from PIL import Image

from tb_keras.encoders.image.image_decoding import decode_image
from tb_keras.scripts.server import app as app_module
from tb_keras.scripts.server.app import create_app
from tb_keras.scripts.server.found_boxes import BoxFinder
from tb_keras.search import ImageTextIndex
from tb_keras.serving import ServingError
from tests.scripts.server.colored_pictures import (
    THING,
    ColorModel,
    LocalizerOfThing,
    picture,
    write_pictures,
    write_thing,
)

NAMES = {"a.png": "red", "b <i>.png": "green", "c.png": "blue", "d.png": "pink", "e.png": "red"}
YEARS = [2019, 2020, None, 2024, 2025]


@pytest.fixture
def index(tmp_path):
    paths = write_pictures(tmp_path, NAMES)
    with ImageTextIndex.build(
        tmp_path / "index",
        ColorModel(),
        paths,
        ids=list(NAMES),
        attributes={"year": YEARS},
        texts=["red", "blue"],
    ) as index:
        yield index


@pytest.fixture
def client(index):
    return TestClient(create_app(index, ColorModel(), ["testserver"]))


def ids(response):
    assert response.status_code == 200, response.text
    return [answer["id"] for answer in response.json()["answers"]]


def test_pictures_for_a_text(client):
    response = client.get("/api/search", params={"q": "red", "k": 3})
    assert ids(response) == ["a.png", "e.png", "d.png"]
    first = response.json()["answers"][0]
    assert first["score"] == pytest.approx(1.0)
    assert first["attributes"] == {"year": 2019}
    assert response.json()["more"] is True
    assert ids(client.get("/api/search", params={"q": "red", "k": 3, "offset": 3})) == [
        "b <i>.png",
        "c.png",
    ]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"filter": "year >= 2020"}, ["e.png", "d.png", "b <i>.png"]),
        ({"least_score": 0.5}, ["a.png", "e.png", "d.png"]),
        ({"distinct": True, "k": 2}, ["a.png", "d.png"]),
        ({"of": "texts"}, ["red", "blue"]),
    ],
)
def test_options(client, params, expected):
    assert ids(client.get("/api/search", params={"q": "red", **params})) == expected


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_pictures_for_a_picture_that_is_sent(client, kind):
    response = client.post("/api/search", params={"k": 1}, content=picture("blue", kind))
    assert ids(response) == ["c.png"]


def test_pictures_for_a_picture_of_the_index(client):
    assert ids(client.get("/api/similar", params={"id": "d.png", "k": 2})) == ["d.png", "a.png"]
    assert client.get("/api/similar", params={"id": "none"}).status_code == 404


def test_a_picture_is_served_small_and_only_if_it_is_in_the_index(client, index, tmp_path):
    for answer in client.get("/api/search", params={"q": "green"}).json()["answers"]:
        response = client.get("/" + answer["picture"] + "&size=32")
        assert response.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(response.content)).size == (32, 21)
    index.delete(["a.png"])
    for name in ("a.png", "none", "", "../a.png", str(tmp_path / "c.png"), "/etc/passwd"):
        assert client.get("/picture", params={"id": name}).status_code == 404


def test_boxes(client, index, tmp_path):
    """They are of pictures in the index alone, and there only with a localizer."""
    assert client.get("/api/box", params={"id": "a.png", "q": "red"}).status_code == 404
    finder = BoxFinder(LocalizerOfThing())
    with_boxes = TestClient(create_app(index, ColorModel(), ["testserver"], finder))
    assert with_boxes.get("/api/info").json()["boxes"] is True
    index.add([write_thing(tmp_path)], ["thing"])
    found = with_boxes.get("/api/box", params={"id": "thing", "q": "red"}).json()
    assert (found["width"], found["height"]) == (120, 80)
    np.testing.assert_allclose(found["box"], THING, atol=3)
    assert found["score"] > 0.8
    plain = with_boxes.get("/api/box", params={"id": "c.png", "q": "red"}).json()
    assert plain["box"] == [0, 0, 60, 40]
    for name in ("none", str(tmp_path / "c.png")):
        assert with_boxes.get("/api/box", params={"id": name, "q": "red"}).status_code == 404


def test_what_was_added_and_deleted_meanwhile(client, index, tmp_path):
    index.delete(["a.png"])
    assert ids(client.get("/api/search", params={"q": "red", "k": 1})) == ["e.png"]
    (tmp_path / "f.png").write_bytes(picture("green"))
    index.add([str(tmp_path / "f.png")], ["f"])
    assert "f" in ids(client.get("/api/search", params={"q": "green", "k": 2}))
    assert client.get("/api/info").json() == {
        "images": 5,
        "texts": 2,
        "attributes": {"year": "number"},
        "boxes": False,
    }


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"q": ""}, ""),
        ({"q": "x" * 1001}, ""),
        ({"q": "red", "k": 0}, ""),
        ({"q": "red", "k": 201}, ""),
        ({"q": "red", "filter": "yeer > 1"}, "year"),
        ({"q": "red", "filter": "1; DROP TABLE images"}, "filter"),
        ({"q": "red", "of": "sounds"}, ""),
    ],
)
def test_wrong_requests(client, params, told):
    response = client.get("/api/search", params=params)
    assert response.status_code == 422
    assert told in str(response.json()["detail"])


def test_uploads_that_are_no_pictures_or_too_large(client, monkeypatch):
    assert client.post("/api/search", content=b"not a picture").status_code == 422
    assert client.post("/api/search", content=b"").status_code == 422
    monkeypatch.setattr("tb_keras.scripts.server.uploads.MOST_PIXELS", 2000)
    response = client.post("/api/search", content=picture("red"))
    assert (response.status_code, "60 x 40" in response.json()["detail"]) == (422, True)
    monkeypatch.setattr(app_module, "MOST_BYTES", 1000)
    assert client.post("/api/search", content=b"0" * 1001).status_code == 413


def test_a_picture_that_is_cut_off(client, monkeypatch):
    """Its header is whole, so that only the encoder sees it."""
    monkeypatch.setattr(ColorModel, "embed_picture", lambda self, file: decode_image(file))
    file, pixels = io.BytesIO(), np.random.default_rng(0).integers(0, 256, (90, 90, 3), np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    response = client.post("/api/search", content=file.getvalue()[:5000])
    assert (response.status_code, "Invalid JPEG" in response.json()["detail"]) == (422, True)


@pytest.mark.parametrize(("code", "status"), [("UNAVAILABLE", 503), ("INVALID_ARGUMENT", 422)])
def test_a_server_of_models_that_does_not_answer(client, monkeypatch, code, status):
    def unanswered(self, query):
        raise ServingError(code, "no answer")

    for name in ("embed_text", "embed_picture"):
        monkeypatch.setattr(ColorModel, name, unanswered)
    for response in (
        client.get("/api/search", params={"q": "red"}),
        client.post("/api/search", content=picture("red")),
    ):
        assert response.status_code == status
        assert response.json() == {"detail": f"{code}: no answer"}


def test_the_page_asks_no_other_host(client):
    page = client.get("/")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for name in ("page/page.css", "page/page.js"):
        assert name in page.text
        assert client.get("/" + name).status_code == 200
    assert "http" not in page.text.replace("https://www.w3.org", "")
    assert client.get("/page/../app.py").status_code == 404
    assert client.get("/", headers={"host": "elsewhere.example"}).status_code == 400


def test_the_interface_is_described(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {"/api/info", "/api/search", "/api/similar", "/picture"}
    assert set(paths["/api/search"]) == {"get", "post"}


def test_scores_are_dot_products(client, index):
    answers = client.get("/api/search", params={"q": "pink"}).json()["answers"]
    expected = index.embeddings([answer["id"] for answer in answers]) @ ColorModel().embed_text(
        "pink"
    )
    np.testing.assert_allclose([answer["score"] for answer in answers], expected, atol=1e-6)
