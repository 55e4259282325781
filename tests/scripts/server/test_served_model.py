"""Tests of queries that a server of models embeds."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("sqlglot")
pytest.importorskip("tensorflow_serving")

from tb_keras.scripts.searching.model_source import ModelSource
from tb_keras.scripts.server.served_model import ServedModel
from tb_keras.search import ImageTextIndex
from tb_keras.serving import ExportedModel, export
from tests.scripts.server.colored_pictures import ColorModel, write_pictures
from tests.serving.exporting.small_exports import picture_encoder
from tests.serving.servers import serving
from tests.serving.small_models import network, pictures, text_encoder

TEXTS = ["a dog", "a bus"]


def test_queries_by_a_server(tmp_path):
    encoders = picture_encoder(), text_encoder()
    export(network(*(e.output_shape[1] for e in encoders)), tmp_path / "tiny", *encoders)
    model, source = ExportedModel(tmp_path / "tiny"), ModelSource("--model", f"{tmp_path}/tiny")
    paths = []
    for number, content in enumerate(pictures()[:2]):
        paths.append(str(tmp_path / f"{number}.png"))
        (tmp_path / paths[-1]).write_bytes(content)
    kept = ImageTextIndex.build(tmp_path / "kept", model, paths, source=str(source))
    with_texts = ImageTextIndex.build(tmp_path / "texts", model, paths, texts=TEXTS)
    other = SimpleNamespace(
        fingerprint="1", embed_images=lambda p, **_: -model.embed_images(p, verbose=False)
    )
    wrong = ImageTextIndex.build(tmp_path / "wrong", other, paths)
    with kept, with_texts, wrong, serving("stand-in", tmp_path / "tiny", "tiny") as addresses:
        served = ServedModel(source, addresses.grpc)
        served.check(kept)
        served.check(with_texts)
        with pytest.raises(ValueError, match=r"Received: a cosine of -1\.000 for"):
            served.check(wrong)
        wider = SimpleNamespace(
            ids=kept.ids, items=kept.items, embeddings=lambda ids, of: np.ones((1, 99))
        )
        with pytest.raises(ValueError, match=r"Received: \d+ values instead of 99 for"):
            served.check(wider)
        (expected,) = model.embed_texts(TEXTS[:1], verbose=False)
        np.testing.assert_allclose(served.embed_text(TEXTS[0]), expected, atol=1e-5)
        (expected,) = model.embed_images(paths[:1], verbose=False)
        np.testing.assert_allclose(served.embed_picture(pictures()[0]), expected, atol=1e-5)


def test_no_server_is_an_error_of_input(tmp_path):
    paths = write_pictures(tmp_path, {"a.png": "red"})
    with ImageTextIndex.build(tmp_path / "index", ColorModel(), paths) as index:
        served = ServedModel(ModelSource("--model", "tiny"), "127.0.0.1:1")
        with pytest.raises(ConnectionError, match=r"UNAVAILABLE: .*127\.0\.0\.1:1"):
            served.check(index)


def test_a_run_has_no_name_on_a_server():
    with pytest.raises(ValueError, match="--server needs an index of an exported model"):
        ServedModel(ModelSource("--run", "runs/mine"), "localhost:8500")
