"""Tests of exports for other runtimes: asked by their own program, where TensorFlow is not."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving import export_towers
from tb_keras.serving.runtimes.formats import FORMATS
from tb_keras.serving.runtimes.preprocessing import preprocessing
from tb_keras.serving.runtimes.usage import usage
from tests.cases import OnDemand, slow_but
from tests.docs.pages import PAGES, fenced_blocks
from tests.encoders.presets.random_presets import DIM, write_preset
from tests.serving.exporting.small_exports import picture_encoder
from tests.serving.runtimes.small_towers import bert_encoder, tokenizing
from tests.serving.small_models import network, pictures
from tests.serving.small_models import text_encoder as strings_encoder

RUNS_IN = {"onnx": "onnxruntime", "litert": "ai_edge_litert", "openvino": "openvino"}
TEXTS = ["a flying insect", "a bus"]  # of the program
PICTURES = {"bee.png": 0, "bus.png": 4}  # high with alpha, and wide in grey
ALONE = """
import sys

for name in ("tensorflow", "keras", "keras_hub", "tb_keras"):
    sys.modules[name] = None  # an import of it fails
"""
KEPT = """
np.savez("found.npz", texts=texts, images=images)
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(Runtime, kind, weights) → the network, its encoders and its version."""
    encoders = picture_encoder(), bert_encoder()

    def export(case):
        runtime, kind, weights = case
        pytest.importorskip(RUNS_IN[runtime])
        dims = [encoder.output_shape[1] for encoder in encoders]
        if weights == "float32":
            made = network(*dims, kind)
        else:  # LiteRT leaves small matrices as they are
            made = EmbeddingNetwork(*dims, hidden_dim=128, embedding_dim=16)
        directory = tmp_path_factory.mktemp("runtimes") / "model"
        card = "# Card\n\n- Licence: none\n"
        return made, export_towers(made, directory, runtime, *encoders, card, weights)

    return encoders, OnDemand(export)


def embeddings(made, encoders, contents, texts):
    features = [
        encoder.predict(tf.constant(strings), verbose=0)
        for encoder, strings in zip(encoders, (contents, texts))
    ]
    return made.embed_images(features[0]), made.embed_texts(features[1])


def asked(version):
    """What the program of the version's page prints, and its embeddings of images and texts."""
    for name, number in PICTURES.items():
        (version / name).write_bytes(pictures()[number])
    (program,) = (
        "\n".join(block.lines)
        for block in fenced_blocks((version / "README.md").read_text())
        if block.language == "python"
    )
    ended = subprocess.run(
        [sys.executable, "-c", ALONE + program + KEPT], cwd=version, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    with np.load(version / "found.npz") as found:
        return ended.stdout, np.concatenate([found["images"], found["texts"]])


CASES = [(runtime, "embedding", "float32") for runtime in FORMATS]
CASES += [("onnx", "kernel", "float32"), ("onnx", "similarity", "float32")]
CASES += [(runtime, "embedding", "int8") for runtime in FORMATS]


@pytest.mark.parametrize(("runtime", "kind", "weights"), slow_but(*CASES[:3], cases=CASES))
def test_its_program_gives_the_embeddings_without_tensorflow(exported, runtime, kind, weights):
    encoders, versions = exported
    made, version = versions[runtime, kind, weights]
    printed, found = asked(version)
    contents = [pictures()[number] for number in PICTURES.values()]
    images, texts = embeddings(made, encoders, contents, TEXTS)
    moved = np.abs(found - np.concatenate([images, texts])).max()
    tolerance = 1e-4 if weights == "float32" else 0.1
    assert moved < tolerance
    assert (moved > 1e-4) == (weights == "int8")
    scores = np.array(re.findall(r"-?\d+\.\d+(?:e-\d+)?", printed), float)
    expected = images @ texts.T if kind != "similarity" else made.fuse(images, texts)
    np.testing.assert_allclose(scores, expected.ravel(), atol=10 * tolerance)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    preset = tmp_path_factory.mktemp("presets") / "clip"
    write_preset("clip", preset)
    return [build(f"keras_hub/{preset}") for build in (image_encoder, text_encoder)]


@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_the_towers_of_clip(tmp_path, clip, runtime):
    pytest.importorskip(RUNS_IN[runtime])
    made = network(DIM, DIM)
    version = export_towers(made, tmp_path / "model", runtime, *clip)
    _, found = asked(version)
    contents = [pictures()[number] for number in PICTURES.values()]
    expected = np.concatenate(embeddings(made, clip, contents, TEXTS))
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow
def test_litert_lacks_an_operation_of_clip(tmp_path, clip):
    message = "LiteRT must have the operations of the text encoder; .*: StridedSlice$"
    with pytest.raises(ValueError, match=message):
        export_towers(network(5, DIM), tmp_path / "model", "litert", text_encoder=clip[1])
    assert list((tmp_path / "model").iterdir()) == []


def test_what_lies_in_a_version(exported):
    _, versions = exported
    _, version = versions["onnx", "embedding", "float32"]
    files = {"image.onnx", "text.onnx", "tokenizer.json", "preprocessing.json", "README.md"}
    found = {path.name for path in version.iterdir()} - {*PICTURES, "found.npz"}
    assert (version.name, found) == ("1", files)
    assert [path.name for path in version.parent.iterdir()] == ["1"]
    readme = (version / "README.md").read_text()
    assert readme.startswith("# Card\n\n- Licence: none\n\n## What it takes\n")
    assert "| `image` | `pixels`: float32 (n, 32, 32, 3)" in readme
    assert "`input_ids`: int64 (n, any)" in readme
    steps = json.loads((version / "preprocessing.json").read_text())
    assert steps["resize"]["height"] == steps["shape"][1] == 32


def test_rows_alone_and_together(exported):
    onnxruntime = pytest.importorskip("onnxruntime")
    _, versions = exported
    _, version = versions["onnx", "embedding", "float32"]
    model = onnxruntime.InferenceSession(str(version / "image.onnx"))
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 32, 32, 3)).astype("float32")
    (together,) = model.run(None, {"pixels": pixels})
    alone = [model.run(None, {"pixels": row[None]})[0][0] for row in pixels]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_features_where_there_is_no_encoder(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    made = network(5, 4)
    versions = [export_towers(made, tmp_path, "onnx") for _ in range(2)]
    assert [version.name for version in versions] == ["1", "2"]
    assert {path.name for path in versions[1].iterdir()} == {"image.onnx", "text.onnx", "README.md"}
    assert "```" not in (versions[1] / "README.md").read_text()
    features = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    model = onnxruntime.InferenceSession(str(versions[1] / "text.onnx"))
    (found,) = model.run(["embedding"], {"features": features})
    np.testing.assert_allclose(found, made.embed_texts(features), atol=1e-6)


def test_a_version_is_whole_or_not_there(tmp_path, monkeypatch):
    def write(model, path, int8):
        path.write_text("half of it")
        raise OSError("no room")

    monkeypatch.setitem(FORMATS, "onnx", write)
    with pytest.raises(OSError, match="no room"):
        export_towers(network(5, 4), tmp_path / "model", "onnx")
    assert list((tmp_path / "model").iterdir()) == []


WRONG = {
    "runtime": ({"runtime": "torch"}, "`runtime` must be one of onnx, litert, openvino.*'torch'"),
    "weights": ({"weights": "float16"}, "`weights` must be one of float32, int8.*'float16'"),
    "dim": ({"image_encoder": picture_encoder()}, "`image_encoder` must give the 5 features"),
    "no tokens": ({"text_encoder": strings_encoder()}, "`text_encoder` must be a pretrained one"),
    "other tokens": (
        {"text_encoder": bert_encoder(tokenizing(split=False))},
        "must have the word pieces of BERT, as minilm",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_exported(tmp_path, name):
    arguments, message = WRONG[name]
    encoder = arguments.get("text_encoder")
    made = network(5, encoder.output_shape[1] if encoder else 4)
    with pytest.raises(ValueError, match=message):
        export_towers(made, tmp_path / "model", **{"runtime": "onnx", **arguments})
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("runtime", "package", "weights"),
    [
        ("onnx", "tf2onnx", "float32"),
        ("openvino", "openvino", "float32"),
        ("openvino", "nncf", "int8"),
    ],
)
def test_a_missing_package(tmp_path, monkeypatch, runtime, package, weights):
    monkeypatch.setitem(sys.modules, package, None)
    message = rf"needs the package {package}: pip install 'tb_keras\[{runtime}\]'"
    with pytest.raises(ImportError, match=message):
        export_towers(network(5, 4), tmp_path, runtime, weights=weights)


def test_the_page_shows_the_program():
    program = usage("onnx", preprocessing(DecodeImages(224, 224)), "embedding")
    at = 'folder = "."  # of this file'
    shown = ["\n".join(block.lines) + "\n" for block in fenced_blocks(PAGES["docs/runtimes.md"])]
    assert program.replace(at, 'folder = "savedmodels/openmoji/onnx/1"') in shown


@pytest.mark.parametrize(
    "resizing", [{"antialias": False}, {"interpolation": "lanczos5"}, {"width": 30}]
)
def test_there_is_no_program_for_what_pillow_does_not_do(resizing):
    steps = preprocessing(DecodeImages(**{"height": 32, "width": 32, **resizing}))
    assert usage("onnx", steps, "embedding") == ""
