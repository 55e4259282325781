"""Tests of word vectors."""

import numpy as np
import pytest

from tb_keras.encoders.text.word_vectors import WordVectors


def test_vectors_by_word():
    vectors = WordVectors(["a", "b", "c"], np.arange(6.0).reshape(3, 2))
    assert (len(vectors), vectors.dim, vectors.vectors.dtype) == (3, 2, np.float32)
    np.testing.assert_array_equal(vectors.of(["c", "a", "c"]), [[4, 5], [0, 1], [4, 5]])
    assert vectors.of([]).shape == (0, 2)
    assert "b" in vectors
    assert "d" not in vectors
    with pytest.raises(KeyError, match="d"):
        vectors.of(["a", "d"])


@pytest.mark.parametrize(
    ("words", "vectors", "message"),
    [
        (["a", "b", "a"], np.eye(3), "`words` must be distinct. Received: 'a' twice"),
        (["a"], np.eye(2), "`vectors` must have 1 rows, as `words`. Received: 2"),
        (["a"], np.ones(1), r"`vectors` must be a float array of rank 2.*shape=\(1,\)"),
        (["a"], np.ones((1, 2), int), "`vectors` must be a float array.*dtype=int64"),
        (["a"], np.ones((1, 0)), r"`vectors` must be a float array.*shape=\(1, 0\)"),
        (["a", "b"], np.array([[1.0], [np.nan]]), "NaN or infinity for 'b'"),
    ],
)
def test_wrong_vectors_are_named(words, vectors, message):
    with pytest.raises(ValueError, match=message):
        WordVectors(words, vectors)
