"""Tests that the peers train the same thing: network and loss, by value and gradient."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.peers.boolean_mask_ranking import boolean_mask_ranking_loss
from tb_keras.losses import bidirectional_ranking_loss
from tb_keras.networks import EmbeddingNetwork


def unit_rows(rng, rows, dim):
    made = rng.normal(size=(rows, dim))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype("float32")


def our_loss(images, texts, matches, **settings):
    inputs = [tf.constant(images), tf.constant(texts)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        loss = bidirectional_ranking_loss(*inputs, matches, **settings)
    return loss.numpy(), [gradient.numpy() for gradient in tape.gradient(loss, inputs)]


def check_close(found, expected):
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-5)
    for gradient, right in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(gradient, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("in_graph", [False, True])
@pytest.mark.parametrize("texts_per_image", [1, 2, 3])
@pytest.mark.parametrize("top_k", [1, 4])
def test_the_loss_by_boolean_mask(top_k, texts_per_image, in_graph):
    rng = np.random.default_rng(0)
    n = 7
    images, texts = unit_rows(rng, n, 5), unit_rows(rng, n * texts_per_image, 5)
    matches = np.repeat(np.eye(n, dtype=bool), texts_per_image, axis=1)
    matches = matches[:, rng.permutation(matches.shape[1])]
    settings = {"margin": 0.3, "top_k": top_k, "text_neighborhood_weight": 0.7}
    expected = our_loss(images, texts, matches, **settings)
    inputs = [tf.constant(images), tf.constant(texts)]

    def value_and_gradients(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = boolean_mask_ranking_loss(*inputs, tf.constant(matches), **settings)
        return loss, tape.gradient(loss, inputs)

    run = tf.function(value_and_gradients, autograph=False) if in_graph else value_and_gradients
    loss, gradients = run(*inputs)
    check_close((loss.numpy(), [gradient.numpy() for gradient in gradients]), expected)


@pytest.mark.parametrize("top_k", [1, 4, 50])
@pytest.mark.parametrize("density", [0.02, 0.15])
def test_the_loss_in_pytorch(density, top_k):
    torch = pytest.importorskip("torch")
    from benchmarks.peers.pytorch.ranking import ranking_loss

    rng = np.random.default_rng(1)
    n, m = 6, 11
    images, texts = unit_rows(rng, n, 5), unit_rows(rng, m, 5)
    matches = rng.random((n, m)) < density
    matches[0, :2] = True
    negatives = ~matches & (rng.random((n, m)) < 0.9)
    negatives[:, -1] = matches[:, -1] = False  # padding
    within = matches.T.astype(int) @ matches > 0
    text_negatives = ~within & (rng.random((m, m)) < 0.9)
    settings = {"margin": 0.3, "top_k": top_k, "text_neighborhood_weight": 0.7}
    expected = our_loss(
        images, texts, matches, negatives=negatives, text_negatives=text_negatives, **settings
    )
    assert expected[0] > 0
    inputs = [torch.tensor(rows, requires_grad=True) for rows in (images, texts)]
    masks = [torch.tensor(mask) for mask in (matches, negatives, text_negatives)]
    loss = ranking_loss(*inputs, *masks, **settings)
    loss.backward()
    check_close((loss.item(), [rows.grad.numpy() for rows in inputs]), expected)


def test_the_network_in_pytorch():
    torch = pytest.importorskip("torch")
    from benchmarks.peers.pytorch.network import TorchEmbeddingNetwork

    rng = np.random.default_rng(2)
    images = rng.normal(size=(9, 6)).astype("float32")
    texts = rng.normal(3.0, 2.0, size=(8, 5)).astype("float32")
    ours = EmbeddingNetwork(6, 5, hidden_dim=7, embedding_dim=4, dropout=0.0, noise=0.0)
    for branch in (ours.image_branch, ours.text_branch):
        norm = branch.get_layer("hidden_norm")
        norm.set_weights([rng.uniform(0.5, 2.0, 7) for _ in range(4)])
    ours.standardize(images, texts)
    theirs = TorchEmbeddingNetwork(6, 5, hidden_dim=7, embedding_dim=4, dropout=0.0)
    theirs.standardize(images, texts)
    np.testing.assert_allclose(theirs.text_branch.mean, texts.mean(axis=0), rtol=1e-5)
    theirs.copy_weights(ours)
    for training in (True, False):  # by the batch's statistics, and by the averages after it
        expected = ours({"image": images, "text": texts}, training=training)
        theirs.train(training)
        with torch.no_grad():
            found = theirs(torch.from_numpy(images), torch.from_numpy(texts))
        for embeddings, view in zip(found, ("image", "text")):
            if training:
                np.testing.assert_allclose(embeddings, expected[view], rtol=1e-4, atol=1e-5)
            else:  # PyTorch averages the unbiased variance
                np.testing.assert_allclose(embeddings, expected[view], atol=0.02)


def test_the_networks_begin_alike():
    pytest.importorskip("torch")
    from benchmarks.peers.pytorch.network import TorchEmbeddingNetwork

    ours, theirs = EmbeddingNetwork(60, 50, 70, 40), TorchEmbeddingNetwork(60, 50, 70, 40)
    for dense in ("hidden", "embedding"):
        kernel, bias = ours.text_branch.get_layer(dense).get_weights()
        weight = getattr(theirs.text_branch, dense).weight.detach().numpy()
        assert not bias.any()
        assert not getattr(theirs.text_branch, dense).bias.any()
        assert weight.std() == pytest.approx(kernel.std(), rel=0.1)
        assert abs(weight).max() == pytest.approx(abs(kernel).max(), rel=0.02)
    trainable = sum(weights.numel() for weights in theirs.parameters())
    assert trainable == sum(np.prod(weights.shape) for weights in ours.trainable_weights)
