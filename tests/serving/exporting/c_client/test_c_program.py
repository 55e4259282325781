"""Tests of an export in a process without Python: TensorFlow's C API, which loads as a server does.

tf.saved_model.load restores a graph of Python objects. A server and this program instead run the
restore operation and the initializers of the graph itself, so a variable that only Python would
find, or a table that is never filled, shows here.
"""

import os
import shutil

import numpy as np
import pytest

from tests.serving.exporting.asking import moved_away
from tests.serving.exporting.c_client.c_program import asked, compiled, run

pytestmark = pytest.mark.xdist_group("exports")

INVALID_ARGUMENT = 3  # TF_Code


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("program"))


def strings(items):
    return np.array([item.encode() if isinstance(item, str) else item for item in items], object)


def best(scores, ids, k):
    """Ids and scores of the best `k` of each row, brute force."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.array(ids)[order], np.take_along_axis(scores, order, axis=1)


@pytest.fixture(scope="module")
def answers(program, whole_export, tmp_path_factory):
    """The answers to all requests, by name, from one run over a copy without the original."""
    directory = tmp_path_factory.mktemp("run")
    copy = directory / "copy"
    shutil.copytree(whole_export.version, copy, copy_function=os.link)
    images, texts = strings(whole_export.contents), strings(whole_export.texts)
    dim = whole_export.features[1].shape[1]
    several = np.array([3, 1, 40, 7, 2, 100, 3], "int32")
    requests = {
        "one picture": ("embed_image", {"image_bytes": images[:1]}),
        "pictures": ("embed_image", {"image_bytes": images}),
        "one text": ("embed_text", {"text": texts[:1]}),
        "texts": ("embed_text", {"text": texts}),
        "picture features": ("embed_image_features", {"features": whole_export.features[0]}),
        "text features": ("embed_text_features", {"features": whole_export.features[1]}),
        "pairs": ("similarity", {"image_bytes": images, "text": texts}),
        "pairs by default": ("serving_default", {"image_bytes": images, "text": texts}),
        "embeddings": (
            "score_embeddings",
            dict(zip(("image_embedding", "text_embedding"), whole_export.embeddings)),
        ),
        "search": ("search", {"text": texts, "k": several}),
        "search_texts": ("search_texts", {"image_bytes": images, "k": several}),
        "no picture": ("embed_image", {"image_bytes": strings([images[0], "nothing", images[1]])}),
        "late in a batch": (
            "embed_image",
            {"image_bytes": strings([*[images[6]] * 37, "nothing", images[6], "nothing"])},
        ),
        "truncated": ("embed_image", {"image_bytes": strings([images[5][:1000]])}),
        "not finite": ("embed_text_features", {"features": np.full((1, dim), np.nan, "float32")}),
        "other dtype": ("embed_text", {"text": np.zeros(3, "int32")}),
        "other size": ("embed_text_features", {"features": np.zeros((2, dim - 1), "float32")}),
        "nothing": ("embed_image", {"image_bytes": images[:0]}),
        "no text": ("embed_text", {"text": texts[:0]}),
        "pictures again": ("embed_image", {"image_bytes": images}),
    }
    with moved_away(whole_export.version):
        found = asked(program, copy, list(requests.values()), directory / "asked")
    return dict(zip(requests, found))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "view", "rows"),
    [
        ("one picture", 0, 1),
        ("pictures", 0, 7),
        ("picture features", 0, 7),
        ("nothing", 0, 0),
        ("pictures again", 0, 7),  # after errors
        ("one text", 1, 1),
        ("texts", 1, 7),
        ("text features", 1, 7),
        ("no text", 1, 0),
    ],
)
def test_embeddings(answers, whole_export, name, view, rows):
    code, message, outputs = answers[name]
    assert (code, message) == (0, "")
    found = outputs["embedding"]
    assert found.dtype == np.float32
    assert found.shape == (rows, 16)
    np.testing.assert_allclose(found, whole_export.embeddings[view][:rows], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pairs", "pairs by default", "embeddings"])
def test_scores(answers, whole_export, name):
    assert answers[name].code == 0
    images, texts = whole_export.embeddings
    np.testing.assert_allclose(
        answers[name].outputs["score"], (images * texts).sum(axis=1), atol=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "queries"), [("search", 1), ("search_texts", 0)])
def test_search(answers, whole_export, name, queries):
    assert answers[name].code == 0
    corpus = whole_export.searchable
    ids, embeddings = (
        (corpus.image_ids, corpus.image_embeddings)
        if name == "search"
        else (corpus.text_ids, corpus.text_embeddings)
    )
    scores = whole_export.embeddings[queries] @ embeddings.T
    expected_ids, expected_scores = best(scores, ids, len(ids))
    found = answers[name].outputs
    assert found["id"].shape == found["score"].shape == scores.shape
    for row, k in enumerate([3, 1, 40, 7, 2, 100, 3]):
        k = min(k, len(ids))
        assert [name.decode() for name in found["id"][row, :k]] == list(expected_ids[row, :k])
        np.testing.assert_allclose(found["score"][row, :k], expected_scores[row, :k], atol=1e-5)
        assert set(found["id"][row, k:]) <= {b""}
        assert not found["score"][row, k:].any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "position"),
    [
        ("no picture", "[1]"),
        ("late in a batch", "[37, 39]"),
        ("truncated", "[0]"),
        ("not finite", "[0]"),
        ("other dtype", ""),
        ("other size", ""),
    ],
)
def test_bad_input(answers, name, position):
    code, message, outputs = answers[name]
    assert (code, outputs) == (INVALID_ARGUMENT, {})
    assert message
    assert position in message


def test_a_similarity_network(program, feature_export, tmp_path):
    """The one case of `make test`: the model is small."""
    made, version = feature_export("similarity")
    rng = np.random.default_rng(1)
    images = rng.normal(size=(9, 5)).astype("float32")
    texts = rng.normal(size=(9, 4)).astype("float32")
    pair = {"image_features": images, "text_features": texts}
    (answer,) = asked(program, version, [("similarity", pair)], tmp_path / "asked")
    np.testing.assert_allclose(answer.outputs["score"], made.score(images, texts), atol=1e-5)


def test_what_cannot_be_loaded(program, tmp_path):
    done = run(program, tmp_path / "none", b"", tmp_path / "no-model")
    assert done.returncode == 1
    assert "Could not find SavedModel" in done.stderr


@pytest.mark.slow
def test_without_tensorflow_text(program, export_of_real_encoders, tmp_path):
    """Such a server loads the model, but cannot take texts."""
    version, expected = export_of_real_encoders.version, export_of_real_encoders.embeddings[1]
    requests = [
        ("embed_text", {"text": strings(export_of_real_encoders.texts)}),
        ("embed_text_features", {"features": export_of_real_encoders.features[1]}),
    ]
    failed, answer = asked(program, version, requests, tmp_path / "run", libraries=[])
    assert failed.code != 0
    assert "not registered" in failed.message
    np.testing.assert_allclose(answer.outputs["embedding"], expected, atol=1e-5)
