"""Tests of the export: loaded and asked in a process that knows neither tb_keras nor Keras."""

import pathlib
import re
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork
from tb_keras.search import Index
from tb_keras.serving import ExportedModel, export, latest_version
from tb_keras.serving.exporting.warm_up import WARM_UP_FILE
from tests.cases import slow_but
from tests.serving.exporting.asking import SIZES, ask, described
from tests.serving.small_models import network

pytestmark = pytest.mark.xdist_group("exports")

K = 6


IMAGES = np.random.default_rng(1).normal(size=(9, 5)).astype("float32")
TEXTS = np.random.default_rng(2).normal(size=(9, 4)).astype("float32")


# That of an embedding network stands in the other files' exports too.
@pytest.fixture(scope="module", params=slow_but("similarity", cases=["embedding", "similarity"]))
def of_features(request, feature_export):
    """A network without encoders, its version, and what another process was answered."""
    made, version = feature_export(request.param)
    asked = {
        "embed_image_features": {"features": IMAGES},
        "embed_text_features": {"features": TEXTS},
        "score_embeddings": {
            "image_embedding": made.embed_images(IMAGES),
            "text_embedding": made.embed_texts(TEXTS),
        },
        "similarity": {"image_features": IMAGES, "text_features": TEXTS},
        "serving_default": {"image_features": IMAGES, "text_features": TEXTS},
    }
    return made, version, ask(version, asked)


@pytest.fixture(scope="module")
def answers(whole_export):
    """Another process's answers from the model with encoders."""
    images = np.array(whole_export.contents, object)
    texts = np.array([text.encode() for text in whole_export.texts], object)
    k = np.full(len(texts), K, np.int32)
    asked = {
        "embed_image": {"image_bytes": images},
        "embed_text": {"text": texts},
        "embed_image_features": {"features": whole_export.features[0]},
        "embed_text_features": {"features": whole_export.features[1]},
        "similarity": {"image_bytes": images, "text": texts},
        "serving_default": {"image_bytes": images, "text": texts},
        "search": {"text": texts, "k": k},
        "search_texts": {"image_bytes": images, "k": k},
    }
    return ask(whole_export.version, asked)


@pytest.mark.parametrize("size", SIZES)
def test_answers_of_features(of_features, size):
    made, _, answers = of_features
    scores = made.score(IMAGES, TEXTS)
    images, texts = made.embed_images(IMAGES), made.embed_texts(TEXTS)
    np.testing.assert_allclose(answers[f"embed_image_features/{size}"], images, atol=1e-5)
    np.testing.assert_allclose(answers[f"embed_text_features/{size}"], texts, atol=1e-5)
    if isinstance(made, EmbeddingNetwork):
        np.testing.assert_allclose(scores, (images * texts).sum(axis=1), atol=1e-6)
    assert np.ptp(scores) > 0.01
    for name in ("score_embeddings", "similarity", "serving_default"):
        np.testing.assert_allclose(answers[f"{name}/{size}"], scores, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_answers_of_pictures_and_texts(whole_export, answers, size):
    images, texts = whole_export.embeddings
    assert np.linalg.norm(images[0] - images[1]) > 1e-3
    for name in ("embed_image", "embed_image_features"):
        np.testing.assert_allclose(answers[f"{name}/{size}"], images, atol=1e-5)
    for name in ("embed_text", "embed_text_features"):
        np.testing.assert_allclose(answers[f"{name}/{size}"], texts, atol=1e-5)
    for name in ("similarity", "serving_default"):
        scores = (images * texts).sum(axis=1)
        np.testing.assert_allclose(answers[f"{name}/{size}"], scores, atol=1e-5)


@pytest.mark.parametrize("size", SIZES)
def test_answers_of_a_search(whole_export, answers, size):
    images, texts = whole_export.embeddings
    found = whole_export.searchable
    for name, queries, ids, embeddings in (
        ("search", texts, found.image_ids, found.image_embeddings),
        ("search_texts", images, found.text_ids, found.text_embeddings),
    ):
        scores, rows = Index(embeddings).search(queries, K)
        best = [[ids[row].encode() for row in of_query] for of_query in rows]
        assert answers[f"{name}/{size}/id"].tolist() == best
        np.testing.assert_allclose(answers[f"{name}/{size}/score"], scores, atol=1e-5)


EMBEDDING = {"embedding": ([-1, 16], "float32")}
SCORE = {"score": ([-1], "float32")}
FOUND = {"id": ([-1, -1], "string"), "score": ([-1, -1], "float32")}
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


def test_signatures_of_pictures_and_texts(whole_export):
    pair = {"image_bytes": ([-1], "string"), "text": ([-1], "string")}
    k = {"k": ([-1], "int32")}
    dims = [features.shape[1] for features in whole_export.features]
    assert described(whole_export.version) == {
        "embed_image_features": ({"features": ([-1, dims[0]], "float32")}, EMBEDDING),
        "embed_text_features": ({"features": ([-1, dims[1]], "float32")}, EMBEDDING),
        "score_embeddings": (EMBEDDINGS, SCORE),
        "embed_image": ({"image_bytes": ([-1], "string")}, EMBEDDING),
        "embed_text": ({"text": ([-1], "string")}, EMBEDDING),
        "similarity": (pair, SCORE),
        "serving_default": (pair, SCORE),
        "search": ({"text": ([-1], "string"), **k}, FOUND),
        "search_texts": ({"image_bytes": ([-1], "string"), **k}, FOUND),
    }


def test_every_weight_is_stored_once(whole_export):
    models, found = (whole_export.network, *whole_export.encoders), whole_export.searchable
    weights = sum(w.numpy().nbytes for model in models for w in model.weights)
    weights += found.image_embeddings.nbytes + found.text_embeddings.nbytes
    files = (whole_export.version / "variables").iterdir()
    stored = sum(file.stat().st_size for file in files)
    assert weights <= stored < 1.01 * weights + 100_000


def test_files_of_a_version(of_features):
    version = of_features[1]
    card, table = (version / "README.md").read_text().split("\n\n## What it takes\n\n")
    assert card == "# Card"
    for name in described(version):
        assert re.search(rf"\| `{name}` +\| `", table)
    assert [path.name for path in version.parent.iterdir()] == ["1"]
    assert version.stat().st_mode & 0o777 == 0o755
    files = {path.name for path in version.iterdir()} - {"assets", "assets.extra"}
    assert files == {"README.md", "fingerprint.pb", "saved_model.pb", "variables"}
    if find_spec("tensorflow_serving"):
        assert (version / WARM_UP_FILE).stat().st_size > 0


@pytest.mark.slow
def test_the_vocabulary_is_an_asset(export_of_real_encoders):
    """It is the one of all BERT models in lower case."""
    version = export_of_real_encoders.version
    (file,) = (version / "assets").iterdir()
    pieces = file.read_text("utf-8").splitlines()
    assert (file.name, len(pieces)) == ("vocabulary.txt", 30522)
    assert pieces[:1] + pieces[100:104] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert {"dog", "##s"} < set(pieces)
    graph = (version / "saved_model.pb").read_bytes()
    assert b"vocabulary.txt" in graph
    assert b"##ization" not in graph


def test_versions_only_grow(tmp_path):
    assert latest_version(tmp_path) == latest_version(tmp_path / "none") == 0
    for name in ("1", "9", "notes"):
        (tmp_path / name).mkdir()
    assert export(network(3, 2), str(tmp_path)) == tmp_path / "10"
    assert latest_version(tmp_path) == 10


def test_no_version_is_overwritten(tmp_path, monkeypatch):
    """Not even if another export has finished the same version meanwhile."""
    version = tmp_path / "1"
    version.mkdir()
    (version / "saved_model.pb").write_bytes(b"the first")
    before = {path: path.read_bytes() for path in version.rglob("*") if path.is_file()}
    monkeypatch.setattr(
        sys.modules["tb_keras.serving.exporting.export"], "latest_version", lambda directory: 0
    )
    with pytest.raises(OSError, match="1"):
        export(network(3, 2), tmp_path, card="the second")
    assert {path: path.read_bytes() for path in version.rglob("*") if path.is_file()} == before
    assert list(tmp_path.iterdir()) == [version]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch, error):
    def fails(root, directory, **options):
        pathlib.Path(directory, "saved_model.pb").touch()
        raise error

    monkeypatch.setattr(tf.saved_model, "save", fails)
    with pytest.raises(error):
        export(network(3, 2), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_wrong_encoders(whole_export, tmp_path):
    encoders = whole_export.encoders
    of_images, of_texts = (features.shape[1] for features in whole_export.features)
    with pytest.raises(ValueError, match=rf"`image_encoder` must give the 9 f.*{of_images}"):
        export(network(9, of_texts), tmp_path, *encoders)
    with pytest.raises(ValueError, match=rf"`text_encoder` must give the 9 features.*{of_texts}"):
        export(network(of_images, 9), tmp_path, *encoders)
    assert not list(tmp_path.iterdir())


def test_exported_model(whole_export, tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    version, (images, texts) = whole_export.version, whole_export.embeddings
    strings, paths = whole_export.texts, []
    for number, content in enumerate(whole_export.contents):
        paths.append(str(tmp_path / f"{number}"))
        pathlib.Path(paths[-1]).write_bytes(content)
    model = ExportedModel(version.parent)
    assert model.path == version
    np.testing.assert_allclose(model.embed_images(paths, verbose=False), images, atol=1e-5)
    np.testing.assert_allclose(model.embed_texts(strings, verbose=False), texts, atol=1e-5)
    # Found again on disk: asking the model is not needed.
    model.signatures = {}
    np.testing.assert_allclose(model.embed_images(paths, verbose=False), images, atol=1e-5)
    np.testing.assert_allclose(model.embed_texts(strings, verbose=False), texts, atol=1e-5)


def test_no_exported_model(of_features, tmp_path):
    for directory in (tmp_path, tmp_path / "none"):
        with pytest.raises(FileNotFoundError, match="must hold an exported model"):
            ExportedModel(directory)
    with pytest.raises(ValueError, match="must hold a model exported with its encoders"):
        ExportedModel(of_features[1])
