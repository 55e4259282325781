"""Tests of the loss over first dimensions: the sum of the losses of cut embeddings."""

import keras
import numpy as np
import pytest

from tb_keras.batching import neighborhood_batches
from tb_keras.losses import (
    BidirectionalRanking,
    Distillation,
    InfoNCE,
    Matryoshka,
    bidirectional_ranking_loss,
    info_nce_loss,
)
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import attach_losses
from tests.losses.contrastive.test_loss import batch
from tests.training.toy_corpora import retrieval_corpus

KINDS = [(BidirectionalRanking, bidirectional_ranking_loss), (InfoNCE, info_nce_loss)]


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize(("kind", "function"), KINDS)
def test_it_is_the_sum_over_cut_embeddings(kind, function):
    images, texts, matches, negatives = batch()
    dims = [1, images.shape[1] - 1]
    layer = Matryoshka(kind(), dims)
    found = layer([images, texts, matches, negatives])
    expected = function(images, texts, matches, negatives=negatives)
    for dim in dims:
        cut = unit(images[:, :dim]), unit(texts[:, :dim])
        expected += function(*cut, matches, negatives=negatives)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(sum(layer.losses), expected, rtol=1e-5)


def test_first_dimensions_of_zero_have_finite_gradients():
    import tensorflow as tf

    images = tf.Variable([[0.0, 1.0], [1.0, 0.0]])
    layer = Matryoshka(InfoNCE(), [1])
    with tf.GradientTape() as tape:
        loss = layer([images, images, np.eye(2, dtype=bool)])
    assert np.isfinite(tape.gradient(loss, images)).all()


def test_trained_so_the_first_dimensions_match_better():
    corpus, found = retrieval_corpus(40, seed=0), {}
    for name, dims in (("plain", []), ("cut", [2])):
        keras.utils.set_random_seed(0)
        network = EmbeddingNetwork(7, 7, hidden_dim=16, embedding_dim=8, dropout=0.0)
        model = attach_losses(network, Matryoshka(InfoNCE(), dims))
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(neighborhood_batches(corpus, 20), epochs=15, shuffle=False, verbose=0)
        images, texts = (
            unit(embeddings[:, :2])
            for embeddings in (
                network.embed_images(corpus.image_features),
                network.embed_texts(corpus.text_features),
            )
        )
        own = np.sum(images[np.arange(80) // 2] * texts, axis=1)
        found[name] = np.mean((images @ texts.T) > own)  # wrong images that are nearer
    assert found["cut"] < found["plain"]


def test_its_config_is_that_of_both():
    layer = Matryoshka(BidirectionalRanking(margin=0.3), [2, 4])
    again = Matryoshka.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.loss.margin, again.dims) == (0.3, [2, 4])


@pytest.mark.parametrize(
    ("dims", "message"),
    [
        ([0], "`dims` must be a positive int"),
        ([2, 2], r"`dims` must be distinct. Received: dims=\[2, 2\]"),
        ([99], r"`dims` must be less than the size of the embeddings, \d+. Received: dims=\[99\]"),
    ],
)
def test_bad_dims(dims, message):
    images, texts, matches, negatives = batch()
    with pytest.raises(ValueError, match=message):
        Matryoshka(InfoNCE(), dims)([images, texts, matches, negatives])


def test_a_teacher_is_outside():
    with pytest.raises(ValueError, match="`loss` must not be a Distillation"):
        Matryoshka(Distillation(InfoNCE()), [2])
