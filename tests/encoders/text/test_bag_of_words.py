"""Tests of tf-idf against scikit-learn on the same tokens, and against counting by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.text.bag_of_words import BagOfWords, inverse_document_frequencies
from tests.cases import examples


@examples(50)
@given(
    st.lists(st.lists(st.integers(0, 7), min_size=5, max_size=5), min_size=1, max_size=6),
    st.integers(0, 99),
)
def test_counts_by_hand(indices, seed):
    weighting = np.random.default_rng(seed).uniform(0.5, 2, 6)
    layer = BagOfWords(6)
    layer.set_weighting(weighting)
    found = layer(np.array(indices, "int64")).numpy()
    for row, of_text in zip(found, indices):
        expected = np.array([of_text.count(word + 2) for word in range(6)]) * weighting
        expected /= max(np.linalg.norm(expected), 1e-9)
        np.testing.assert_allclose(row, expected, atol=1e-6)


def test_scikit_learn_gives_the_same():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{word}" for word in rng.zipf(1.5, 9) % 12) for _ in range(40)]
    theirs = text.TfidfVectorizer(token_pattern=r"\w+")
    expected = theirs.fit_transform(texts).toarray()
    vocabulary = list(theirs.get_feature_names_out())
    texts_with = [sum(word in t.split() for t in texts) for word in vocabulary]
    weighting = inverse_document_frequencies(texts_with, len(texts))
    np.testing.assert_allclose(weighting, theirs.idf_, rtol=1e-12)
    layer = BagOfWords(len(vocabulary))
    layer.set_weighting(weighting)
    indices = [[vocabulary.index(word) + 2 for word in t.split()] for t in texts]
    np.testing.assert_allclose(layer(np.array(indices)), expected, atol=1e-6)
