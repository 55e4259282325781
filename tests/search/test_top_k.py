"""Tests of the search in the graph against a full sort, and against the search in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.search import Index
from tb_keras.search import top_k as module
from tb_keras.search.top_k import top_k


@tf.function(
    input_signature=[
        tf.TensorSpec((None, None)),
        tf.TensorSpec((None, None)),
        tf.TensorSpec((None,), tf.int32),
        tf.TensorSpec((), tf.int32),
    ]
)
def in_a_graph(queries, embeddings, k, block):
    """One graph for all sizes, as a signature is."""
    return top_k(queries, embeddings, k, block)


def by_sorting(products, k):
    """What each row must get: its own k best columns, then padding up to the highest k."""
    width = min(max(k, default=0), products.shape[1])
    scores = np.zeros((len(k), width), np.float32)
    rows = np.full((len(k), width), -1)
    for query, (line, own) in enumerate(zip(products, k)):
        best = sorted(range(len(line)), key=lambda column: (-line[column], column))[:own]
        rows[query, : len(best)] = best
        scores[query, : len(best)] = line[best]
    return scores, rows


def assert_equal(found, expected):
    for array, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(array.numpy(), right)
        assert array.shape == right.shape


def whole_numbers(rng, *shape):
    """Few of them: their products are exact, and ties are many."""
    return rng.integers(-1, 2, shape).astype("float32")


sizes = st.tuples(st.integers(0, 5), st.integers(1, 40), st.integers(1, 3))


@given(sizes, st.integers(1, 50), st.integers(0, 2**32 - 1), st.data())
def test_it_is_a_full_sort(shape, block, seed, data):
    num_queries, size, dim = shape
    k = data.draw(st.lists(st.integers(1, 45), min_size=num_queries, max_size=num_queries))
    rng = np.random.default_rng(seed)
    queries, embeddings = whole_numbers(rng, num_queries, dim), whole_numbers(rng, size, dim)
    found = in_a_graph(queries, embeddings, np.array(k, np.int32), block)
    assert found[0].dtype == tf.float32
    assert found[1].dtype == tf.int32
    assert_equal(found, by_sorting(queries @ embeddings.T, k))


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 2**32 - 1), st.data())
def test_requests_answered_together_get_what_each_gets_alone(size, block, seed, data):
    """As a server does that batches: rows joined, answers split."""
    k = data.draw(st.lists(st.integers(1, 35), min_size=1, max_size=6))
    cut = data.draw(st.integers(0, len(k)))
    rng = np.random.default_rng(seed)
    queries, embeddings = whole_numbers(rng, len(k), 2), whole_numbers(rng, size, 2)
    k = np.array(k, np.int32)
    together = in_a_graph(queries, embeddings, k, block)
    for part in (slice(cut), slice(cut, None)):
        alone = in_a_graph(queries[part], embeddings, k[part], block)
        width = alone[0].shape[1]
        assert_equal(alone, [answer[part][:, :width].numpy() for answer in together])
        np.testing.assert_array_equal(together[0][part][:, width:], 0)
        np.testing.assert_array_equal(together[1][part][:, width:], -1)


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_it_agrees_with_the_search_in_numpy(block):
    rng = np.random.default_rng(0)
    queries, embeddings = rng.normal(size=(9, 16)), rng.normal(size=(300, 16)).astype("float32")
    scores, rows = top_k(tf.cast(queries, tf.float32), embeddings, [12] * 9, block)
    right_scores, right_rows = Index(embeddings).search(queries, k=12)
    np.testing.assert_array_equal(rows, right_rows)
    np.testing.assert_allclose(scores, right_scores, rtol=1e-4)


@pytest.mark.parametrize("values", [1, 40, 10_000])
def test_memory_of_a_block_bounds_its_rows(monkeypatch, values):
    """Neither scores nor a cast block have more values than allowed, were it one row at a time."""
    monkeypatch.setattr(module, "_BLOCK_VALUES", values)
    seen, cast = [], tf.cast
    monkeypatch.setattr(tf, "cast", lambda x, dtype: seen.append(x) or cast(x, dtype))
    rng = np.random.default_rng(0)
    queries, embeddings = whole_numbers(rng, 7, 3), whole_numbers(rng, 30, 3)
    found = top_k(tf.constant(queries), tf.constant(embeddings, tf.float16), [3] * 7)
    assert_equal(found, by_sorting(queries @ embeddings.T, [3] * 7))
    assert (
        max(x.shape[0] for x in seen if len(getattr(x, "shape", ())) == 2)
        == {1: 1, 40: 5, 10_000: 30}[values]
    )


def test_all_of_a_corpus_takes_few_merges(monkeypatch):
    merges = []
    sort = tf.math.top_k
    monkeypatch.setattr(tf.math, "top_k", lambda *args: merges.append(args) or sort(*args))
    _, rows = top_k(tf.ones((1, 2)), tf.ones((1000, 2)), [1000], block_rows=1)
    assert rows.numpy().tolist() == [list(range(1000))]
    assert len(merges) == 16


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_embeddings_in_half_are_multiplied_in_float32(dtype):
    rng = np.random.default_rng(0)
    queries = rng.normal(size=(4, 50)).astype("float32")
    embeddings = tf.cast(rng.normal(size=(40, 50)), dtype)
    scores, rows = top_k(
        tf.constant(queries), tf.Variable(embeddings), [5, 40, 1, 2], block_rows=16
    )
    products = queries @ tf.cast(embeddings, tf.float32).numpy().T
    right_scores, right_rows = by_sorting(products, [5, 40, 1, 2])
    np.testing.assert_array_equal(rows, right_rows)
    np.testing.assert_allclose(scores, right_scores, rtol=1e-4, atol=1e-5)


def test_one_call_over_100_000_rows():
    rng = np.random.default_rng(0)
    embeddings = rng.standard_normal((100_000, 128), dtype=np.float32)
    embeddings[77_777] = embeddings[5]
    queries = embeddings[[5, 99_999]]
    scores, rows = tf.function(top_k)(queries, tf.constant(embeddings), tf.constant([2, 1]))
    assert rows.numpy().tolist() == [[5, 77_777], [99_999, -1]]
    np.testing.assert_allclose(scores[:, 0], np.square(queries).sum(axis=1), rtol=1e-5)


def test_no_row_asked_for():
    message = r"`k` must be at least 1. Not so at positions: \[1, 3\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        in_a_graph(np.ones((4, 2)), np.ones((3, 2)), [1, 0, 2, -5], 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_queries_without_a_finite_norm_are_refused(value):
    queries = np.ones((3, 2))
    queries[[0, 2], 1] = value
    message = r"`queries` must have finite norms. Not so at positions: \[0, 2\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        in_a_graph(queries, np.ones((3, 2)), [1, 1, 1], 2)


def test_the_largest_norms_give_no_nan():
    queries, embeddings = np.full((1, 2), 1e19), np.array([[1e19, -1e19], [1e19, 1e19]])
    scores, rows = in_a_graph(queries, embeddings, [2], 1)
    assert rows.numpy().tolist() == [[1, 0]]
    np.testing.assert_allclose(scores, [[2e38, 0]])


@pytest.mark.parametrize("k", [[1], [1, 1, 1], [1, 1, 1, 1]])
def test_k_belongs_to_a_query_each(k):
    with pytest.raises(tf.errors.InvalidArgumentError, match="`queries` and `k` must be equally"):
        in_a_graph(np.ones((2, 2)), np.ones((3, 2)), k, 2)
