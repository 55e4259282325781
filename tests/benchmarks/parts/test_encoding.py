"""Tests of the benchmark of encoding: the same features by all, and the page from figures."""

import importlib.util
import json

import keras
import numpy as np
import pytest

from benchmarks.peers.converted_networks import ENGINES, converted
from benchmarks.peers.parts import encoding
from benchmarks.peers.parts.encoding import BFLOAT16, NETWORK, OURS, PEER, PEER_BFLOAT16
from tests.benchmarks.table_cells import unpadded

FIGURES = {
    "source": "captions.txt",
    "texts": 3000,
    "words": 11.2,
    "text_seconds": {OURS: [8.0, 8.0], BFLOAT16: [5.0, 5.0], PEER: [10, 10], PEER_BFLOAT16: [9, 9]},
    "text_cosines": {BFLOAT16: 0.9997, PEER: 0.99999, PEER_BFLOAT16: 0.999},
    "images": 128,
    "images_per_batch": 32,
    "image_seconds": {NETWORK: [1.2, 1.2], "onnxruntime": [1.0, 1.0], "OpenVINO": [2.0, 2.0]},
    "image_cosines": {"onnxruntime": 1.0, "OpenVINO": 1.0},
}


def test_a_converted_network_gives_the_same():
    for package in ("tf2onnx", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    pixels = keras.Input((8, 8, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(pixels))
    network = keras.Model(pixels, features)
    asked = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 3)).astype("float32")
    expected = network.predict_on_batch(asked)
    found = converted(network)
    assert set(found) == set(ENGINES)
    for engine, call in found.items():
        np.testing.assert_allclose(call(asked), expected, rtol=1e-4, atol=1e-3, err_msg=engine)
        np.testing.assert_allclose(call(asked[:2]), expected[:2], rtol=1e-4, atol=1e-3)


def test_it_runs_small(tmp_path, monkeypatch):
    texts = tmp_path / "texts.txt"
    texts.write_text("A dog runs .\nTwo men in a boat\nrain\na\nb\nc\nd\n")
    monkeypatch.setenv("TB_KERAS_TEXTS", str(texts))
    figures = encoding.measure(tmp_path / "x.json", 2, **encoding.SMALL)
    assert json.loads(json.dumps(figures)) == figures
    assert (figures["texts"], figures["source"]) == (6, "texts.txt")
    there = {OURS, BFLOAT16}
    if importlib.util.find_spec("sentence_transformers"):
        there |= {PEER, PEER_BFLOAT16}
        # The published model takes the exact GELU, keras-hub its approximation by tanh.
        assert figures["text_cosines"][PEER] > 0.9999
    assert set(figures["text_seconds"]) == there
    assert figures["text_cosines"][BFLOAT16] > 0.99
    assert all(cosine > 0.9999 for cosine in figures["image_cosines"].values())
    assert keras.config.dtype_policy().name == "float32"


def test_the_page_follows_from_the_figures():
    page = unpadded(encoding.section(FIGURES))
    assert page.startswith("## Encoding\n\n3,000 texts (captions.txt; 11.2 words in the mean)")
    assert f"| {PEER} | 10 | 1.25 | 1.25 to 1.25 |" in page
    assert f"{BFLOAT16} 0.99970, {PEER} 0.99999" in page
    assert "not installed" not in page
    seconds = {OURS: [8.0, 8.0], BFLOAT16: [5.0, 5.0]}
    alone = {**FIGURES, "text_seconds": seconds, "image_seconds": {NETWORK: [1.0]}}
    page = encoding.section(alone)
    assert f"not installed: {PEER}, {PEER_BFLOAT16}, onnxruntime, OpenVINO." in page
    assert encoding.losing(alone) == []


def test_what_is_lost():
    assert encoding.losing(FIGURES) == []
    seconds = {**FIGURES["text_seconds"], PEER: [8.0, 8.0], PEER_BFLOAT16: [8.0, 8.0]}
    images = {**FIGURES["image_seconds"], "onnxruntime": [0.6, 0.6]}
    cosines = {**FIGURES["text_cosines"], BFLOAT16: 0.9991}
    lost = {"text_seconds": seconds, "text_cosines": cosines, "image_seconds": images}
    assert encoding.losing({**FIGURES, **lost}) == [
        f"{OURS} takes 1.00 times the seconds of {PEER}; at most 0.9 is wanted.",
        f"{BFLOAT16} takes 0.62 times the seconds of {PEER_BFLOAT16}; at most 0.6 is wanted.",
        f"Features of {BFLOAT16} have a cosine of 0.9991 with those of float32 at worst; a default "
        "would need 0.9995.",
        "The image network takes 2.00 times the seconds of onnxruntime; at most 1.3 is wanted.",
    ]
