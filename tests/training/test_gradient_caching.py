"""Tests of gradient caching: the gradient of the whole batch, chunk by chunk."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.batching import neighborhood_batches
from tb_keras.losses import BidirectionalRanking, PairwiseLogistic
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import GradientCaching, attach_losses
from tests.cases import slow_but
from tests.training.toy_corpora import retrieval_corpus

ROWS = 7  # of batches of 10 images and 20 texts: chunks of 5, and of 7, 7 and 6


def frozen_norms(network):
    for branch in (network.image_branch, network.text_branch):
        branch.get_layer("hidden_norm").trainable = False
    return network


def network_of(kind="embedding", dropout=0.0, noise=0.0):
    keras.utils.set_random_seed(3)
    settings = {"hidden_dim": 16, "embedding_dim": 6, "dropout": dropout, "noise": noise}
    if kind == "embedding":
        return EmbeddingNetwork(7, 7, **settings)
    return SimilarityNetwork(7, 7, **settings, joint_dims=(8, 4))


def loss_of(network, block_rows=None):
    if isinstance(network, SimilarityNetwork):
        return PairwiseLogistic(network.fusion, seed=0)
    return BidirectionalRanking(
        margin=0.3,
        text_neighborhood_weight=0.5,
        image_neighborhood_weight=0.5,
        block_rows=block_rows,
    )


def one_batch():
    return neighborhood_batches(retrieval_corpus(12, seed=0), 10, seed=1).take(1)


def trained_step(model, batches=None, **settings):
    """The gradients of a step, which a step of size 1 leaves behind, and its logs."""
    model.compile(keras.optimizers.SGD(1.0), **settings)
    before = model.get_weights()
    history = model.fit(batches or one_batch(), shuffle=False, verbose=0).history
    steps = [old - new for old, new in zip(before, model.get_weights())]
    return steps, {name: values[0] for name, values in history.items()}


def assert_equal_steps(ours, theirs):
    assert len(ours) == len(theirs)
    assert max(np.abs(step).max() for step in theirs) > 1e-2
    for one, other in zip(ours, theirs):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("run_eagerly", slow_but(False, cases=[False, True]))
@pytest.mark.parametrize("kind", slow_but("embedding", cases=["embedding", "similarity"]))
def test_the_step_is_that_of_the_whole_batch(kind, run_eagerly):
    """The joint layers of a similarity network keep their batch norm: they see all pairs."""
    plain = frozen_norms(network_of(kind))
    expected, logs = trained_step(attach_losses(plain, loss_of(plain)))
    network = frozen_norms(network_of(kind))
    model = attach_losses(network, loss_of(network, block_rows=4), gradient_cache_rows=ROWS)
    assert isinstance(model, GradientCaching)
    found, cached_logs = trained_step(model, run_eagerly=run_eagerly)
    assert_equal_steps(found, expected)
    assert cached_logs == pytest.approx(logs, rel=1e-4)
    changed = {id(w) for w, step in zip(model.weights, found) if np.abs(step).max() > 0}
    assert changed >= {id(w) for w in network.image_branch.get_layer("hidden").trainable_weights}


@pytest.mark.slow
def test_dropout_and_noise_are_the_same_in_both_passes():
    """Against one tape over the chunks' embeddings, from the same random states."""
    network = network_of(dropout=0.5, noise=0.5)
    model = attach_losses(network, loss_of(network), gradient_cache_rows=ROWS)
    kept = [variable.numpy() for variable in model.variables]
    batch = next(iter(one_batch()))
    chunks = {"image": [5, 5], "text": [7, 7, 6]}
    with tf.GradientTape() as tape:
        embeddings = []
        for name, branch in model.branches.items():
            parts = tf.split(batch[name], chunks[name])
            embeddings.append(tf.concat([branch(part, training=True) for part in parts], 0))
        masks = [batch[name] for name in ("matches", "negatives", "text_negatives")]
        loss = loss_of(network)([*embeddings, *masks, batch["image_negatives"]])
    gradients = tape.gradient(loss, network.trainable_weights)
    moved = [v.numpy() for v in network.non_trainable_variables]
    for variable, value in zip(model.variables, kept):
        variable.assign(value)
    model.compile(keras.optimizers.SGD(1.0))
    before = [weight.numpy() for weight in network.trainable_weights]
    history = model.fit(one_batch(), shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], [loss], rtol=1e-5)
    steps = [old - new.numpy() for old, new in zip(before, network.trainable_weights)]
    assert_equal_steps(steps, [gradient.numpy() for gradient in gradients])
    # Batch norm's averages and the random states stand where one pass leaves them.
    for variable, value in zip(network.non_trainable_variables, moved):
        np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, atol=1e-6)
    assert any("seed_generator_state" in v.path for v in network.non_trainable_variables)


@pytest.mark.slow
def test_a_chunk_of_the_whole_batch_is_the_plain_step_with_batch_norm():
    plain, network = network_of(dropout=0.5), network_of(dropout=0.5)
    expected, _ = trained_step(attach_losses(plain, loss_of(plain)))
    model = attach_losses(network, loss_of(network), gradient_cache_rows=20)
    assert_equal_steps(trained_step(model)[0], expected)


@pytest.mark.slow
def test_a_text_encoder_is_trained_along():
    """The gradient of its table is of some rows only."""
    steps = []
    for rows in (None, ROWS):
        keras.utils.set_random_seed(3)
        words = keras.Input((4,), dtype="int32")
        vectors = keras.layers.Embedding(9, 5)(words)
        encoder = keras.Model(words, keras.layers.GlobalAveragePooling1D()(vectors))
        settings = {"hidden_dim": 16, "embedding_dim": 6, "dropout": 0.0}
        network = frozen_norms(EmbeddingNetwork(7, 4, **settings, text_encoder=encoder))
        network.text_branch.get_layer("encoder_norm").trainable = False
        model = attach_losses(network, loss_of(network), gradient_cache_rows=rows)
        indices = np.random.default_rng(0).integers(0, 9, (24, 4)).astype("int32")
        corpus = retrieval_corpus(12, seed=0).replace(text_features=indices)
        steps.append(trained_step(model, neighborhood_batches(corpus, 10, seed=1).take(1))[0])
    assert_equal_steps(steps[1], steps[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["embedding", "similarity"])
def test_it_learns(kind):
    network = network_of(kind, dropout=0.1)
    model = attach_losses(network, gradient_cache_rows=ROWS)
    model.compile(keras.optimizers.Adam(0.01))
    batches = neighborhood_batches(retrieval_corpus(24, seed=0), 12)
    history = model.fit(batches, epochs=12, shuffle=False, verbose=0, validation_data=batches)
    losses = history.history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert np.isfinite(history.history["val_loss"]).all()


@pytest.mark.slow
def test_mixed_precision_with_a_scaled_loss():
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        network = network_of()
        model = attach_losses(network, loss_of(network), gradient_cache_rows=ROWS)
        model.compile("adam")
        assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
        batches = neighborhood_batches(retrieval_corpus(12, seed=0), 10, seed=1)
        history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert np.isfinite(history["loss"]).all()


@pytest.mark.slow
def test_under_xla():
    network = frozen_norms(network_of())
    plain, _ = trained_step(attach_losses(network, loss_of(network)))
    network = frozen_norms(network_of())
    model = attach_losses(network, loss_of(network, block_rows=4), gradient_cache_rows=ROWS)
    assert_equal_steps(trained_step(model, jit_compile=True)[0], plain)
    assert model.jit_compile is True


def test_a_chunk_has_rows():
    with pytest.raises(ValueError, match="`block_rows` must be"):
        attach_losses(network_of(), gradient_cache_rows=0)
