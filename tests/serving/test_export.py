"""Tests of the export: loaded and asked in a process that knows neither tb_keras nor Keras."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving import ExportedModel, export, latest_version
from tests.serving.asking import SIZES, ask, described
from tests.serving.small_models import network, pictures

TEXTS = ["a dog", "", "Zwölf Boxkämpfer jagen Viktor", "word " * 400, "🐕 犬", "x", "a dog "]


@pytest.fixture(scope="module", params=["embedding", "similarity"])
def of_features(request, tmp_path_factory):
    """A network without encoders, exported, and what another process was answered."""
    directory = tmp_path_factory.mktemp("of_features")
    made = network(5, 4, request.param)
    version = export(made, directory / "model", card="# Card\n")
    rng = np.random.default_rng(1)
    images = rng.normal(size=(9, 5)).astype("float32")
    texts = rng.normal(size=(9, 4)).astype("float32")
    asked = {
        "embed_image_features": {"features": images},
        "embed_text_features": {"features": texts},
        "score_embeddings": {
            "image_embedding": made.embed_images(images),
            "text_embedding": made.embed_texts(texts),
        },
        "similarity": {"image_features": images, "text_features": texts},
        "serving_default": {"image_features": images, "text_features": texts},
    }
    return made, version, images, texts, ask(version, asked, directory / "client")


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """The same with the real encoders."""
    pytest.importorskip("keras_hub")
    directory = tmp_path_factory.mktemp("full")
    encoders = image_encoder("efficientnet_lite0"), text_encoder("minilm")
    made = network(1280, 384)
    version = export(made, directory / "model", *encoders)
    images, texts = np.array(pictures(), object), np.array([t.encode() for t in TEXTS], object)
    features = [
        encoder.predict(tf.constant(list(strings)), verbose=0)
        for encoder, strings in zip(encoders, (images, texts))
    ]
    asked = {
        "embed_image": {"image_bytes": images},
        "embed_text": {"text": texts},
        "embed_image_features": {"features": features[0]},
        "embed_text_features": {"features": features[1]},
        "similarity": {"image_bytes": images, "text": texts},
        "serving_default": {"image_bytes": images, "text": texts},
    }
    expected = made.embed_images(features[0]), made.embed_texts(features[1])
    answers = ask(version, asked, directory / "client")
    return made, encoders, version, expected, answers


@pytest.mark.parametrize("size", SIZES)
def test_answers_of_features(of_features, size):
    made, _, images, texts, answers = of_features
    scores = made.score(images, texts)
    images, texts = made.embed_images(images), made.embed_texts(texts)
    np.testing.assert_allclose(answers[f"embed_image_features/{size}"], images, atol=1e-5)
    np.testing.assert_allclose(answers[f"embed_text_features/{size}"], texts, atol=1e-5)
    if isinstance(made, EmbeddingNetwork):
        np.testing.assert_allclose(scores, (images * texts).sum(axis=1), atol=1e-6)
    assert np.ptp(scores) > 0.01
    for name in ("score_embeddings", "similarity", "serving_default"):
        np.testing.assert_allclose(answers[f"{name}/{size}"], scores, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_answers_of_pictures_and_texts(full, size):
    *_, (images, texts), answers = full
    assert np.linalg.norm(images[0] - images[1]) > 1e-3
    for name in ("embed_image", "embed_image_features"):
        np.testing.assert_allclose(answers[f"{name}/{size}"], images, atol=1e-5)
    for name in ("embed_text", "embed_text_features"):
        np.testing.assert_allclose(answers[f"{name}/{size}"], texts, atol=1e-5)
    for name in ("similarity", "serving_default"):
        scores = (images * texts).sum(axis=1)
        np.testing.assert_allclose(answers[f"{name}/{size}"], scores, atol=1e-5)


EMBEDDING = {"embedding": ([-1, 16], "float32")}
SCORE = {"score": ([-1], "float32")}
EMBEDDINGS = {f"{view}_embedding": ([-1, 16], "float32") for view in ("image", "text")}


def test_signatures_of_features(of_features):
    pair = {"image_features": ([-1, 5], "float32"), "text_features": ([-1, 4], "float32")}
    assert described(of_features[1]) == {
        "embed_image_features": ({"features": ([-1, 5], "float32")}, EMBEDDING),
        "embed_text_features": ({"features": ([-1, 4], "float32")}, EMBEDDING),
        "score_embeddings": (EMBEDDINGS, SCORE),
        "similarity": (pair, SCORE),
        "serving_default": (pair, SCORE),
    }


def test_signatures_of_pictures_and_texts(full):
    pair = {"image_bytes": ([-1], "string"), "text": ([-1], "string")}
    assert described(full[2]) == {
        "embed_image_features": ({"features": ([-1, 1280], "float32")}, EMBEDDING),
        "embed_text_features": ({"features": ([-1, 384], "float32")}, EMBEDDING),
        "score_embeddings": (EMBEDDINGS, SCORE),
        "embed_image": ({"image_bytes": ([-1], "string")}, EMBEDDING),
        "embed_text": ({"text": ([-1], "string")}, EMBEDDING),
        "similarity": (pair, SCORE),
        "serving_default": (pair, SCORE),
    }


def test_every_weight_is_stored_once(full):
    made, encoders, version, *_ = full
    weights = sum(w.numpy().nbytes for model in (made, *encoders) for w in model.weights)
    stored = sum(file.stat().st_size for file in (version / "variables").iterdir())
    assert weights <= stored < 1.01 * weights + 100_000


def test_files_of_a_version(of_features):
    version = of_features[1]
    card, table = (version / "README.md").read_text().split("\n\n## What it takes\n\n")
    assert card == "# Card"
    for name in described(version):
        assert f"| `{name}` | `" in table
    assert [path.name for path in version.parent.iterdir()] == ["1"]
    assert version.stat().st_mode & 0o777 == 0o755


def test_versions_only_grow(tmp_path):
    made = network(3, 2)
    assert latest_version(tmp_path) == latest_version(tmp_path / "none") == 0
    assert export(made, tmp_path).name == "1"
    (tmp_path / "9").mkdir()
    (tmp_path / "notes").mkdir()
    assert export(made, str(tmp_path)) == tmp_path / "10"
    assert latest_version(tmp_path) == 10


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch, error):
    save = tf.saved_model.save

    def fails(root, directory, **options):
        save(root, directory, **options)
        raise error

    monkeypatch.setattr(tf.saved_model, "save", fails)
    with pytest.raises(error):
        export(network(3, 2), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_encoders(full, tmp_path):
    _, (images, texts), *_ = full
    with pytest.raises(ValueError, match=r"`image_encoder` must give the 7 features.*1280"):
        export(network(7, 384), tmp_path, images, texts)
    with pytest.raises(ValueError, match=r"`text_encoder` must give the 7 features.*384"):
        export(network(1280, 7), tmp_path, images, texts)
    assert not list(tmp_path.iterdir())


def test_exported_model(full, tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    _, _, version, (images, texts), _ = full
    paths = []
    for number, content in enumerate(pictures()):
        paths.append(str(tmp_path / f"{number}"))
        pathlib.Path(paths[-1]).write_bytes(content)
    model = ExportedModel(version.parent)
    assert model.path == version
    np.testing.assert_allclose(model.embed_images(paths, verbose=False), images, atol=1e-5)
    np.testing.assert_allclose(model.embed_texts(TEXTS, verbose=False), texts, atol=1e-5)
    # Found again on disk: asking the model is not needed.
    model.signatures = {}
    np.testing.assert_allclose(model.embed_images(paths, verbose=False), images, atol=1e-5)
    np.testing.assert_allclose(model.embed_texts(TEXTS, verbose=False), texts, atol=1e-5)


def test_no_exported_model(of_features, tmp_path):
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="must hold an exported model"):
            ExportedModel(directory)
    with pytest.raises(ValueError, match="must hold a model exported with its encoders"):
        ExportedModel(of_features[1])
