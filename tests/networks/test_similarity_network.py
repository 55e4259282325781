"""Tests of the similarity network: its layers, its scaling, saving, precision, compilation."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import SimilarityNetwork
from tests.cases import slow_but


def small_network(**changes):
    settings = {
        "image_dim": 6,
        "text_dim": 4,
        "hidden_dim": 8,
        "embedding_dim": 5,
        "joint_dims": (7, 3),
    }
    return SimilarityNetwork(**{**settings, **changes})


def features(n=6, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": rng.normal(size=(n, 6)).astype("float32"),
        "text": rng.normal(size=(n, 4)).astype("float32"),
    }


def scramble(network):
    """Gives every weight, the running averages too, a value that is not its first one."""
    rng = np.random.default_rng(7)
    for weight in network.weights:
        spread = weight.name in ("deviation", "moving_variance")
        weight.assign(rng.uniform(0.5 if spread else -1.0, 1.5, weight.shape))


def named_weights(model):
    layers = [layer for layer in model.layers if layer.weights]
    return {f"{layer.name}/{w.name}": w.numpy() for layer in layers for w in layer.weights}


def dense(weights, name, rows):
    return rows @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]


def dense_norm_relu(weights, name, rows):
    """Dense, batch norm by the running averages and ReLU in NumPy."""
    rows = dense(weights, name, rows) - weights[f"{name}_norm/moving_mean"]
    rows = rows / np.sqrt(weights[f"{name}_norm/moving_variance"] + 1e-3)
    return np.maximum(rows * weights[f"{name}_norm/gamma"] + weights[f"{name}_norm/beta"], 0)


def embedded(branch, rows):
    weights = named_weights(branch)
    rows = (rows - weights["standardize/mean"]) / weights["standardize/deviation"]
    rows = dense(weights, "embedding", dense_norm_relu(weights, "hidden", rows))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def scored(network, batch):
    """The whole network in NumPy, float64, as at inference."""
    batch = {view: rows.astype("float64") for view, rows in batch.items()}
    image = embedded(network.image_branch, batch["image"])
    text = embedded(network.text_branch, batch["text"])
    joint, weights = image * text * image.shape[1], named_weights(network.fusion)
    for number in range(1, 1 + len(network.joint_dims)):
        joint = dense_norm_relu(weights, f"joint_{number}", joint)
    return dense(weights, "score", joint)[:, 0]


@pytest.mark.parametrize("joint_dims", [(7, 3), (4,), (6, 5, 4), ()])
def test_the_network_is_the_layers_of_the_paper(joint_dims):
    network = small_network(joint_dims=joint_dims)
    scramble(network)
    batch = features(20)
    found = network(batch)
    expected = scored(network, batch)
    assert np.std(expected) > 0.05  # else there would be nothing to compare
    assert found.shape == (20,)
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    kinds = [type(layer).__name__ for layer in network.fusion.layers if layer.weights]
    assert kinds == ["Dense", "BatchNormalization"] * len(joint_dims) + ["Dense"]


def test_the_first_sizes_are_those_of_the_released_successor():
    network = SimilarityNetwork(image_dim=3, text_dim=2)
    assert network.image_branch.get_layer("hidden").units == 1024
    assert network.text_branch.output_shape == (None, 1024)
    kernels = [w.shape for w in network.fusion.weights if w.name == "kernel"]
    assert kernels == [(1024, 1024), (1024, 256), (256, 1)]


def test_the_parts_share_nothing_and_are_all_there_is():
    network = small_network(text_dim=6)
    parts = network.image_branch, network.text_branch, network.fusion
    ids = [{id(weight) for weight in part.weights} for part in parts]
    assert set.union(*ids) == {id(weight) for weight in network.weights}
    assert sum(map(len, ids)) == len(network.weights)


def test_the_product_does_not_drown_in_the_epsilon_of_the_batch_norm():
    """The entries of two unit vectors' product are about 1 / dim: the reason for the scaling."""
    network = SimilarityNetwork(32, 16, hidden_dim=64, embedding_dim=1024, joint_dims=(32,))
    rng = np.random.default_rng(0)
    pairs = {
        "image": network.embed_images(rng.normal(size=(256, 32))),
        "text": network.embed_texts(rng.normal(size=(256, 16))),
    }
    norm = network.fusion.get_layer("joint_1_norm")
    spread = np.std(keras.Model(network.fusion.input, norm.input)(pairs), axis=0)
    assert spread.min() > 5 * np.sqrt(norm.epsilon)
    assert (spread / 1024).max() < np.sqrt(norm.epsilon)  # what it would be without


def test_sizes_from_numpy_are_plain_in_the_config():
    network = small_network(image_dim=np.int64(6), joint_dims=np.array([7, 3]))
    config = json.loads(json.dumps(network.get_config()))
    assert config["joint_dims"] == [7, 3]
    restored = SimilarityNetwork.from_config(config)
    assert restored.get_config() == network.get_config()
    assert [w.shape for w in restored.weights] == [w.shape for w in network.weights]


def fitted(network, **compiled):
    """One epoch of `fit` by logistic regression; returns how the trainable weights moved."""
    before = [weight.numpy() for weight in network.trainable_weights]
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    network.compile(keras.optimizers.SGD(0.1), loss=loss, **compiled)
    labels = np.arange(8) % 2
    history = network.fit(
        features(8), labels, batch_size=4, epochs=1, shuffle=False, verbose=0
    ).history
    assert np.isfinite(history["loss"]).all()
    return [np.abs(w.numpy() - old).max() for w, old in zip(network.trainable_weights, before)]


@pytest.mark.parametrize(
    ("dtype", "jit_compile"),
    slow_but(
        (None, False),
        cases=[(None, False), (None, True), ("mixed_bfloat16", False), ("mixed_float16", False)],
    ),
)
def test_fit_moves_every_part(dtype, jit_compile):
    network = small_network(dtype=dtype, hidden_dim=32)
    moves = fitted(network, jit_compile=jit_compile)
    assert network.jit_compile is jit_compile  # Keras falls back without a word but a warning
    for part in (network.image_branch, network.text_branch, network.fusion):
        ids = {id(weight) for weight in part.trainable_weights}
        moved = [m for m, w in zip(moves, network.trainable_weights) if id(w) in ids]
        # A bias before a batch norm has no gradient but by rounding.
        assert sum(move > 0 for move in moved) >= len(moved) / 2


@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_the_scores_are_float32_between_layers_that_are_not(dtype):
    network = small_network(dtype=dtype)
    computed = {layer.name: layer.compute_dtype for layer in network.fusion.layers}
    wide = {name for name, of in computed.items() if of == "float32"}
    assert wide >= {"product", "scaled_product", "score"}
    assert {computed["joint_1"], computed["joint_2_norm"]} == {dtype.removeprefix("mixed_")}
    assert {weight.dtype for weight in network.weights} == {"float32"}
    assert network(features()).dtype == tf.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_dim": 0}, "`image_dim` must be a positive int. Received: image_dim=0"),
        ({"text_dim": -2}, "`text_dim` must be a positive int. Received: text_dim=-2"),
        ({"hidden_dim": 2.5}, "`hidden_dim` must be a positive int. Received: hidden_dim=2.5"),
        ({"embedding_dim": 0}, "`embedding_dim` must be a positive int. Received: embedding_dim=0"),
        ({"joint_dims": (4, 0)}, "`joint_dims` must be a positive int. Received: joint_dims=0"),
        ({"joint_dims": (4.5,)}, "`joint_dims` must be a positive int. Received: joint_dims=4.5"),
        ({"noise": -1.0}, r"`noise` must be in \[0, 1\]. Received: noise=-1.0"),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\). Received: dropout=1.0"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        small_network(**changes)
