"""Tests of what an export finds, against the search in NumPy over the network's embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.search import Index, Searchable
from tb_keras.serving import export
from tests.cases import slow_but
from tests.serving.exporting.asking import SIZES, ask, described
from tests.serving.small_models import TEXT_DIM, network
from tests.serving.small_models import text_encoder as bytes_encoder

pytestmark = pytest.mark.xdist_group("exports")

IMAGES, TEXTS, QUERIES = 50, 30, 9
K = np.array([1, 4, 50, 2, 1000, 30, 3, 7, 5], np.int32)


def strings(count, seed):
    letters = np.random.default_rng(seed).integers(97, 123, (count, TEXT_DIM), dtype=np.uint8)
    return np.array([row.tobytes() for row in letters], object)


@pytest.fixture(scope="module", params=slow_but("encoders", cases=["encoders", "features"]))
def exported(request, tmp_path_factory):
    """A model with encoders or without, its version, what it must find and what it found."""
    directory = tmp_path_factory.mktemp("exported")
    encoder = bytes_encoder()  # what a picture's bytes mean is of no account here
    made = network(TEXT_DIM, TEXT_DIM)

    def features(given):
        return encoder(tf.constant(list(given))).numpy()

    images, texts = strings(IMAGES, 0), strings(TEXTS, 1)
    made.standardize(features(images), features(texts))  # or all would lie on one side
    searchable = Searchable(
        [f"Bild {row}.jpg" for row in range(IMAGES)],
        made.embed_images(features(images)),
        [f"text № {row}" for row in range(TEXTS)],
        made.embed_texts(features(texts)),
    )
    encoders = (encoder, encoder) if request.param == "encoders" else ()
    version = export(made, directory, *encoders, searchable=searchable)
    pictures, queries = strings(QUERIES, 2), strings(QUERIES, 3)
    asked = {
        "encoders": {
            "search": {"text": queries, "k": K},
            "search_texts": {"image_bytes": pictures, "k": K},
        },
        "features": {
            "search": {"text_features": features(queries), "k": K},
            "search_texts": {"image_features": features(pictures), "k": K},
        },
    }
    expected = {
        "search": found_by_hand(
            searchable.image_ids, searchable.image_embeddings, made.embed_texts(features(queries))
        ),
        "search_texts": found_by_hand(
            searchable.text_ids, searchable.text_embeddings, made.embed_images(features(pictures))
        ),
    }
    return request.param, version, expected, ask(version, asked[request.param])


def found_by_hand(ids, embeddings, queries):
    """Identifiers and scores, `(QUERIES, len(ids))`; "" and 0 beyond a query's own k."""
    found, scores = np.full((QUERIES, len(ids)), b"", object), np.zeros((QUERIES, len(ids)))
    for row, k in enumerate(np.minimum(K, len(ids))):
        best, rows = Index(embeddings).search(queries[[row]], k)
        found[row, :k] = [ids[i].encode() for i in rows[0]]
        scores[row, :k] = best[0]
    return found, scores


@pytest.mark.parametrize("name", ["search", "search_texts"])
def test_answers_of_another_process(exported, name):
    _, _, expected, answers = exported
    ids, scores = expected[name]
    assert len(set(ids[:, 0])) > 3  # queries have other answers
    for size in SIZES:
        np.testing.assert_array_equal(answers[f"{name}/{size}/id"], ids.astype(bytes))
        np.testing.assert_allclose(answers[f"{name}/{size}/score"], scores, atol=1e-5)


def test_signatures(exported):
    model, version, *_ = exported
    found = described(version)
    outputs = {"id": ([-1, -1], "string"), "score": ([-1, -1], "float32")}
    k, string = {"k": ([-1], "int32")}, ([-1], "string")
    features = ([-1, TEXT_DIM], "float32")
    queries = {
        "encoders": ({"text": string}, {"image_bytes": string}),
        "features": ({"text_features": features}, {"image_features": features}),
    }
    for name, query in zip(("search", "search_texts"), queries[model]):
        assert found[name] == ({**query, **k}, outputs)


@pytest.mark.slow
def test_without_texts_there_are_none_to_find(tmp_path):
    version = export(network(5, 4), tmp_path, searchable=Searchable(["a"], np.eye(1, 16)))
    assert "search" in described(version)
    assert "search_texts" not in described(version)


@pytest.mark.parametrize(
    ("kind", "dim", "message"),
    [
        ("embedding", 15, r"`searchable` must hold embeddings of 16 dimensions.*Received: 15"),
        ("similarity", 16, r"`searchable` must go with .*dot products\. Received: a similarity"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, kind, dim, message):
    searchable = Searchable(["a", "b"], np.eye(2, dim))
    with pytest.raises(ValueError, match=message):
        export(network(5, 4, kind), tmp_path / "model", searchable=searchable)
    assert not (tmp_path / "model").exists()


def test_embeddings_that_float16_has_no_room_for(tmp_path):
    searchable = Searchable(["a"], np.full((1, 16), 70_000.0))
    with pytest.raises(ValueError, match=r"`dtype` must have room for the embeddings.*70000"):
        export(network(5, 4), tmp_path, searchable=searchable, weights="float16")
    assert not list(tmp_path.iterdir())
