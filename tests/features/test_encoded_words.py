"""Tests of word vectors that a text encoder makes."""

import numpy as np

from tb_keras.features import encoded_word_vectors
from tb_keras.features import encoded_words as module


def test_each_word_is_encoded_alone(monkeypatch):
    asked = []

    def encode_texts(words, encoder, verbose):
        asked.append((list(words), encoder))
        return np.array([[len(word)] for word in words], np.float32)

    monkeypatch.setattr(module, "encode_texts", encode_texts)
    vectors = encoded_word_vectors(["dog", "horse"], "some", verbose=False)
    assert asked == [(["dog", "horse"], "some")]
    np.testing.assert_array_equal(vectors.of(["horse", "dog"]), [[5], [3]])
