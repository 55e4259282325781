"""Tests of the search against a full sort, over blocks of many sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.search import Index
from tb_keras.search import index as index_module


def by_sorting(scores, k):
    """The best k columns of each row: higher first, of equal ones the lower column first."""
    return [
        sorted(range(len(row)), key=lambda column: (-row[column], column))[:k] for row in scores
    ]


@given(
    st.integers(1, 4),
    st.integers(1, 12),
    st.integers(1, 3),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.data(),
)
def test_search_is_a_full_sort(num_queries, size, dim, block, seed, data):
    """Small whole numbers: their products are exact, and ties are many."""
    k = data.draw(st.integers(1, size))
    rng = np.random.default_rng(seed)
    embeddings, queries = (
        rng.integers(-1, 2, (count, dim)).astype("float32") for count in (size, num_queries)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index_module, "_BLOCK_VALUES", block)
        scores, rows = Index(embeddings).search(queries, k)
    products = queries @ embeddings.T
    assert rows.tolist() == by_sorting(products.tolist(), k)
    np.testing.assert_array_equal(scores, np.take_along_axis(products, rows, axis=1))
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64


@pytest.mark.parametrize("block", [1, 100, 2**24])
def test_real_embeddings(monkeypatch, block):
    monkeypatch.setattr(index_module, "_BLOCK_VALUES", block)
    rng = np.random.default_rng(0)
    embeddings, queries = rng.normal(size=(300, 16)), rng.normal(size=(7, 16))
    scores, rows = Index(embeddings.astype("float32")).search(queries, k=10)
    np.testing.assert_array_equal(rows, np.argsort(-queries @ embeddings.T, axis=1)[:, :10])
    np.testing.assert_allclose(scores, -np.sort(-queries @ embeddings.T, axis=1)[:, :10], rtol=1e-4)


@pytest.mark.parametrize("block", [1, 2, 5, 2**24])
def test_of_equal_scores_the_lower_row_comes_first(monkeypatch, block):
    monkeypatch.setattr(index_module, "_BLOCK_VALUES", block)
    embeddings = np.ones((20, 2), "float32")
    embeddings[13] = 2
    _, rows = Index(embeddings).search(np.ones((3, 2)), k=4)
    assert rows.tolist() == [[13, 0, 1, 2]] * 3


def test_a_memory_map_stays_one(tmp_path):
    np.save(tmp_path / "embeddings.npy", np.eye(3, dtype="float16"))
    index = Index(np.load(tmp_path / "embeddings.npy", mmap_mode="r"))
    assert isinstance(index.embeddings, np.memmap)
    assert index.search(np.eye(3), k=1)[1].tolist() == [[0], [1], [2]]


def test_no_query():
    scores, rows = Index(np.eye(3)).search(np.zeros((0, 3)), k=2)
    assert scores.shape == rows.shape == (0, 2)


@pytest.mark.parametrize(
    ("queries", "k", "message"),
    [
        (np.ones((2, 4)), 1, r"`queries` must have shape \(q, 3\). Received: \(2, 4\)"),
        (np.ones(3), 1, r"`queries` must have shape \(q, 3\). Received: \(3,\)"),
        (np.ones((2, 3)), 0, r"`k` must be in \[1, 5\]. Received: k=0"),
        (np.ones((2, 3)), 6, r"`k` must be in \[1, 5\]. Received: k=6"),
        (np.ones((2, 3)), 2.0, "`k` must be a positive int. Received: k=2.0"),
    ],
)
def test_wrong_arguments_are_named(queries, k, message):
    with pytest.raises(ValueError, match=message):
        Index(np.ones((5, 3))).search(queries, k)


def test_embeddings_of_another_rank_are_refused():
    with pytest.raises(ValueError, match=r"`embeddings` must have rank 2. Received: shape=\(5,\)"):
        Index(np.ones(5))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("block", [1, 2**24])
def test_what_is_not_finite_finds_nothing_and_is_not_found(monkeypatch, block, value):
    monkeypatch.setattr(index_module, "_BLOCK_VALUES", block)
    embeddings, queries = np.eye(6, 3), np.eye(3)
    index = Index(embeddings)
    queries[1, 2] = value
    with pytest.raises(ValueError, match=r"`queries` must be finite .* NaN in row 1$"):
        index.search(queries, k=2)
    embeddings[4, 0] = value
    with pytest.raises(ValueError, match=r"`embeddings` must be finite .* NaN in row 4$"):
        Index(embeddings)


def test_no_rows():
    with pytest.raises(ValueError, match="`k` must be in"):
        Index(np.zeros((0, 3))).search(np.zeros((1, 3)), k=1)
    scores, rows = Index(np.zeros((2, 3))).search(np.zeros((0, 3)), k=1)
    assert scores.shape == rows.shape == (0, 1)
