"""Tests of the work in blocks, against the same work on all rows at once."""

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from tb_keras.serving.exporting.row_blocks import in_blocks


@pytest.fixture(scope="module")
def products():
    """Products of vectors, each with several others, and where each product's block began."""

    def function(first, some, others):
        found = tf.reshape(some[:, None] * others, (-1, 3))
        began = tf.fill((tf.shape(found)[0], 1), tf.cast(first, tf.float32))
        return tf.concat([found, began], axis=1)

    rows = [tf.TensorSpec((None, 3)), tf.TensorSpec((None, None, 3)), tf.TensorSpec((), tf.int32)]

    @tf.function(input_signature=rows, autograph=False)
    def traced(some, others, block_rows):
        return in_blocks(function, [some, others], block_rows, (4,))

    return traced


@hypothesis.given(
    n=st.integers(0, 30), block=st.integers(1, 35), each=st.integers(0, 4), seed=st.integers(0, 99)
)
def test_as_all_rows_at_once(products, n, block, each, seed):
    """A row may have any number of answers, each a vector; rows are asked once, in order."""
    rng = np.random.default_rng(seed)
    some, others = rng.normal(size=(n, 3)), rng.normal(size=(n, each, 3))
    some, others = some.astype("float32"), others.astype("float32")
    found = products(some, others, block)
    assert (found.shape, found.dtype) == ((n * each, 4), tf.float32)
    np.testing.assert_allclose(found[:, :3], (some[:, None] * others).reshape(-1, 3), rtol=1e-6)
    began = np.repeat(np.arange(n) // block * block, each)
    np.testing.assert_array_equal(found[:, 3], began)


@pytest.fixture(scope="module")
def lengths():
    """Positions and lengths of strings, in a graph that is traced once."""

    def function(first, texts):
        rows = first + tf.range(tf.shape(texts)[0])
        sizes = tf.strings.length(texts)
        return tf.cast(tf.repeat(rows, sizes), tf.float32)  # as many answers as characters

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)], autograph=False)
    def traced(texts):
        return in_blocks(function, [texts], 5)

    return traced


@hypothesis.given(sizes=st.lists(st.integers(0, 4), max_size=23))
def test_in_a_graph(lengths, sizes):
    """Strings too, with another number of answers for each row, and none at all."""
    found = lengths(tf.constant(["x" * size for size in sizes], tf.string))
    np.testing.assert_array_equal(found, np.repeat(np.arange(len(sizes)), sizes))
    assert lengths.experimental_get_tracing_count() == 1
