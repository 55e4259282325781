"""Tests of the reranker: its scores, its order of candidates, its arguments."""

import dataclasses

import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork, Reranker
from tests.networks.test_scoring import features, network_of


@pytest.fixture(scope="module")
def reranker():
    first, second = network_of("embedding"), network_of("similarity")
    return Reranker(first, second, candidates=3, weight=0.3, scales=(0.5, 2.0))


def mixed(reranker, images, texts):
    first = reranker.first.score_matrix(images, texts)
    return 0.7 * first / 0.5 + 0.3 * reranker.second.score_matrix(images, texts) / 2.0


def test_a_score_is_the_mix_of_both(reranker):
    images, texts = features()
    expected = mixed(reranker, images, texts)
    found = reranker.score_matrix(images, texts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    rows = np.array([3, 0, 3]), np.array([1, 5, 2])
    np.testing.assert_allclose(
        reranker.score_pairs(images, texts, *rows), expected[rows], rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_one_of_both_alone(reranker, weight):
    images, texts = features()
    alone = dataclasses.replace(reranker, weight=weight, scales=(1.0, 1.0))
    expected = (reranker.second if weight else reranker.first).score_matrix(images, texts)
    np.testing.assert_array_equal(alone.score_matrix(images, texts), expected)


def test_embeddings_are_those_of_both(reranker):
    images, texts = features()
    for found, name, part in (
        (reranker.embed_images(images), "embed_images", images),
        (reranker.embed_texts(texts), "embed_texts", texts),
    ):
        first, second = reranker.split(found)
        np.testing.assert_array_equal(first, getattr(reranker.first, name)(part))
        np.testing.assert_array_equal(second, getattr(reranker.second, name)(part))


@pytest.mark.parametrize("queries", ["images", "texts"])
def test_candidates_of_an_index_are_ranked_again(reranker, queries):
    """Each query's candidates are sorted by the mixed score, and stay its candidates."""
    images, texts = features(n=6, m=9)
    first, scores = reranker.first.score_matrix(images, texts), mixed(reranker, images, texts)
    embeddings = [reranker.second.embed_images(images), reranker.second.embed_texts(texts)]
    if queries == "texts":
        first, scores, embeddings = first.T, scores.T, embeddings[::-1]
    rows = np.argsort(-first, axis=1)[:, :4]
    found_scores, found_rows = reranker.rerank(
        np.take_along_axis(first, rows, axis=1), rows, *embeddings, queries
    )
    for query, candidates in enumerate(rows):
        expected = candidates[np.argsort(-scores[query, candidates])]
        assert found_rows[query].tolist() == expected.tolist()
        np.testing.assert_allclose(
            found_scores[query], scores[query, expected], rtol=1e-4, atol=1e-5
        )
    assert found_rows.tolist() != rows.tolist()


def test_candidates_of_equal_scores_stay_in_their_order(reranker):
    embeddings = np.ones((4, 5), "float32")
    rows = np.array([[2, 0, 3, 1]])
    equal = reranker.rerank(np.zeros((1, 4)), rows, embeddings[:1], embeddings)
    np.testing.assert_array_equal(equal[1], rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first": network_of("similarity")}, "`first` must be an `EmbeddingNetwork`"),
        ({"candidates": 0}, "`candidates` must be a positive int. Received: candidates=0"),
        ({"weight": 1.1}, r"`weight` must be in \[0, 1\]. Received: weight=1.1"),
        ({"weight": float("nan")}, r"`weight` must be in \[0, 1\]. Received: weight=nan"),
        ({"scales": (1.0, 0.0)}, r"`scales` must be two positive floats. .*scales=\(1.0, 0.0\)"),
        ({"scales": (1.0,)}, r"`scales` must be two positive floats. .*scales=\(1.0,\)"),
    ],
)
def test_wrong_arguments(reranker, changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(reranker, **changes)


def test_wrong_candidates(reranker):
    embeddings = np.ones((4, 5), "float32")
    with pytest.raises(ValueError, match=r"`queries` must be 'images' or 'texts'. .*'pictures'"):
        reranker.rerank([[1.0]], [[0]], embeddings[:1], embeddings, "pictures")
    with pytest.raises(ValueError, match=r"one shape.*\(1, 2\) and \(1, 1\), 1 queries"):
        reranker.rerank([[1.0]], [[0, 1]], embeddings[:1], embeddings)
    with pytest.raises(ValueError, match=r"one shape.*\(1, 1\) and \(1, 1\), 2 queries"):
        reranker.rerank([[1.0]], [[0]], embeddings[:2], embeddings)


def test_networks_of_other_features(reranker):
    other = dataclasses.replace(reranker, first=EmbeddingNetwork(6, 3, hidden_dim=4))
    images, texts = features()
    with pytest.raises(ValueError, match=r"`text_features` must have shape \(n, 3\)"):
        other.score_matrix(images, texts)
