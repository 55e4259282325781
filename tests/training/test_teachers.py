"""Tests of what teachers say: the mean of their scores."""

import keras
import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import teacher_embeddings
from tests.training.toy_corpora import retrieval_corpus


def test_the_products_are_the_mean_of_the_scores():
    keras.utils.set_random_seed(0)
    corpus = retrieval_corpus(5, seed=0)
    cut = corpus.replace(text_features=corpus.text_features[:, :3])
    teachers = [
        (EmbeddingNetwork(7, dim, hidden_dim=8, embedding_dim=size), features)
        for dim, size, features in ((7, 4, corpus), (3, 6, cut))
    ]
    images, texts = teacher_embeddings(teachers)
    scores = [
        network.embed_images(features.image_features)
        @ network.embed_texts(features.text_features).T
        for network, features in teachers
    ]
    assert (images.shape, texts.shape, images.dtype) == ((5, 10), (10, 10), np.float32)
    np.testing.assert_allclose(images @ texts.T, np.mean(scores, axis=0), atol=1e-6)


def test_bad_networks():
    with pytest.raises(ValueError, match="`networks` must have a network at least"):
        teacher_embeddings([])
    network = EmbeddingNetwork(7, 7, hidden_dim=8, embedding_dim=4)
    with pytest.raises(ValueError, match=r"the same numbers.*\[\(4, 8\), \(5, 10\)\]"):
        teacher_embeddings([(network, retrieval_corpus(n, seed=0)) for n in (4, 5)])
