"""Tests of the loss by labels and a teacher, as a layer and in a model."""

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
    distillation_loss,
    info_nce_loss,
)
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import attach_losses, teacher_embeddings
from tests.losses.contrastive.test_loss import batch
from tests.training.toy_corpora import retrieval_corpus

KINDS = [(BidirectionalRanking, bidirectional_ranking_loss), (InfoNCE, info_nce_loss)]


@pytest.mark.parametrize(("kind", "function"), KINDS)
def test_it_is_the_sum_of_both(kind, function):
    images, texts, matches, negatives = batch()
    rng = np.random.default_rng(0)
    teacher = [rng.normal(size=(len(rows), 3)).astype("float32") for rows in (images, texts)]
    layer = Distillation(kind(), weight=0.5, temperature=0.3)
    found = layer([images, texts, matches, negatives, *teacher])
    scores = teacher[0] @ teacher[1].T
    both = {"matches": matches, "negatives": negatives}
    taught = distillation_loss(images, texts, scores, **both, temperature=0.3)
    expected = function(images, texts, **both) + 0.5 * taught
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_allclose(sum(layer.losses), expected, rtol=1e-5)
    np.testing.assert_allclose(layer.mean_divergence.result(), taught, rtol=1e-6)


def network(dim=6, seed=0):
    keras.utils.set_random_seed(seed)
    return EmbeddingNetwork(7, 7, hidden_dim=16, embedding_dim=dim, dropout=0.0)


@pytest.mark.parametrize("cached", [None, 4])
def test_a_student_learns_what_its_teacher_says(cached):
    """The labels have little weight, and the teachers are random networks of other sizes."""
    corpus, student = retrieval_corpus(24, seed=0), network(seed=1)
    images, texts = teacher_embeddings([(network(dim=9), corpus), (network(dim=4), corpus)])
    loss = Distillation(InfoNCE(), weight=1000.0, temperature=0.2)
    model = attach_losses(student, loss, gradient_cache_rows=cached)
    model.compile(keras.optimizers.Adam(0.01))
    batches = neighborhood_batches(corpus, 12, teacher=(images, texts))
    history = model.fit(batches, epochs=12, shuffle=False, verbose=0).history["distillation"]
    assert history[-1] < 0.3 * history[0]


def test_its_config_is_that_of_both():
    layer = Distillation(Matryoshka(InfoNCE(), [2]), weight=2.0, temperature=0.1)
    again = Distillation.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert (again.weight, again.temperature, again.loss.dims) == (2.0, 0.1, [2])


def test_bad_settings():
    with pytest.raises(ValueError, match=r"`weight` must be at least 0\. Received: weight=-1"):
        Distillation(InfoNCE(), weight=-1)
    with pytest.raises(ValueError, match="`temperature` must be a positive float"):
        Distillation(InfoNCE(), temperature=0)
