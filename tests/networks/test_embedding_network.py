"""Tests of the embedding network: its shape, its separation, saving, precision, compilation."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork


def small_network(**changes):
    settings = {
        "image_dim": 6,
        "text_dim": 4,
        "hidden_dim": 8,
        "embedding_dim": 5,
        "dropout": 0.5,
    }
    return EmbeddingNetwork(**{**settings, **changes})


def features(n=3, m=7, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "image": rng.normal(size=(n, 6)).astype("float32"),
        "text": rng.normal(size=(m, 4)).astype("float32"),
    }


def scramble(network):
    """Gives every weight, the running averages too, a value that is not its first one."""
    rng = np.random.default_rng(7)
    for weight in network.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))


@pytest.fixture
def mixed_precision(request):
    keras.mixed_precision.set_dtype_policy(request.param)
    yield request.param
    keras.mixed_precision.set_dtype_policy("float32")


def forward(weights, rows):
    """One branch in NumPy, from its weights by name, as at inference."""
    rows = (rows - weights["standardize/mean"]) / weights["standardize/deviation"]
    hidden = rows @ weights["hidden/kernel"] + weights["hidden/bias"]
    mean, variance = (weights[f"hidden_norm/moving_{which}"] for which in ("mean", "variance"))
    hidden = (hidden - mean) / np.sqrt(variance + 1e-3)
    hidden = hidden * weights["hidden_norm/gamma"] + weights["hidden_norm/beta"]
    hidden = np.maximum(hidden, 0)
    embedding = hidden @ weights["embedding/kernel"] + weights["embedding/bias"]
    return embedding / np.linalg.norm(embedding, axis=1, keepdims=True)


def named_weights(branch):
    layers = [layer for layer in branch.layers if layer.weights]
    return {f"{layer.name}/{w.name}": w.numpy() for layer in layers for w in layer.weights}


def test_each_branch_is_the_layers_of_the_paper():
    network = small_network()
    scramble(network)
    batch = features()
    found = network(batch)
    for view, branch in (("image", network.image_branch), ("text", network.text_branch)):
        expected = forward(named_weights(branch), batch[view])
        np.testing.assert_allclose(found[view], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(found[view], branch(batch[view]))
        kinds = [type(layer).__name__ for layer in branch.layers[1:]]
        assert kinds == [
            "Standardization",
            "BatchNoise",
            "Dense",
            "BatchNormalization",
            "ReLU",
            "BatchDropout",
            "Dense",
            "L2Normalization",
        ]


@pytest.mark.parametrize(("n", "m", "training"), [(3, 3, False), (9, 1, False), (2, 9, True)])
def test_embeddings_have_unit_length_and_n_need_not_be_m(n, m, training):
    found = small_network(hidden_dim=64)(features(n, m), training=training)
    assert sorted(found) == ["image", "text"]
    assert found["image"].shape == (n, 5)
    assert found["text"].shape == (m, 5)
    for embeddings in found.values():
        assert embeddings.dtype == tf.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)


def test_the_first_sizes_are_the_papers():
    network = EmbeddingNetwork(image_dim=3, text_dim=2)
    assert network.image_branch.get_layer("hidden").units == 2048
    assert network.text_branch.output_shape == (None, 512)
    assert network.image_branch.get_layer("hidden_dropout").rate == 0.5


def test_rows_of_zeros_stay_finite():
    network = small_network()
    batch = {"image": np.zeros((2, 6), "float32"), "text": np.zeros((3, 4), "float32")}
    with tf.GradientTape() as tape:
        found = network(batch, training=True)
        total = sum(tf.reduce_sum(embeddings) for embeddings in found.values())
    assert all(np.isfinite(embeddings).all() for embeddings in found.values())
    gradients = tape.gradient(total, network.trainable_weights)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_the_branches_share_nothing():
    network = small_network(text_dim=6)  # equal sizes: nothing but the design keeps them apart
    ids = [{id(w) for w in b.weights} for b in (network.image_branch, network.text_branch)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert ids[0] | ids[1] == {id(w) for w in network.weights}
    batch = {"image": features()["image"], "text": features()["image"]}
    before = {view: np.array(found) for view, found in network(batch).items()}
    assert not np.allclose(before["image"], before["text"])
    scramble(network.image_branch)
    after = network(batch)
    assert not np.allclose(after["image"], before["image"])
    np.testing.assert_array_equal(after["text"], before["text"])


def test_config_round_trip():
    network = small_network(name="matcher")
    restored = EmbeddingNetwork.from_config(network.get_config())
    assert restored.get_config() == network.get_config()
    assert restored.name == "matcher"
    assert [w.shape for w in restored.weights] == [w.shape for w in network.weights]


def test_weights_alone_save_and_load(tmp_path):
    network, other = small_network(), small_network()
    scramble(network)
    network.save_weights(tmp_path / "network.weights.h5")
    other.load_weights(tmp_path / "network.weights.h5")
    for ours, theirs in zip(network.weights, other.weights):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def fitted(network, **compiled):
    """One epoch of `fit` on a plain objective; returns how the weights moved."""
    targets = {view: np.eye(5, dtype="float32")[np.arange(8) % 5] for view in ("image", "text")}
    before = [weight.numpy() for weight in network.weights]
    network.compile(keras.optimizers.SGD(0.1), loss="mse", **compiled)
    history = network.fit(
        features(8, 8), targets, batch_size=4, epochs=1, shuffle=False, verbose=0
    ).history
    assert np.isfinite(history["loss"]).all()
    return [float(np.abs(w.numpy() - old).max()) for w, old in zip(network.weights, before)]


@pytest.mark.slow
@pytest.mark.parametrize("mixed_precision", ["mixed_bfloat16", "mixed_float16"], indirect=True)
def test_mixed_precision(mixed_precision):
    network = small_network()
    assert network.image_branch.get_layer("hidden").compute_dtype == mixed_precision[6:]
    assert {weight.dtype for weight in network.weights} == {"float32"}
    found = network(features())
    for embeddings in found.values():
        assert embeddings.dtype == tf.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, rtol=1e-5)
    assert sum(move > 0 for move in fitted(network)) >= 10


@pytest.mark.parametrize(("saved_under", "loaded_under"), [(0, 1), (1, 0)])
def test_the_dtype_policy_is_saved(tmp_path, saved_under, loaded_under):
    policies = ("float32", "mixed_bfloat16")
    try:
        keras.mixed_precision.set_dtype_policy(policies[saved_under])
        network = small_network()
        expected = network(features())
        network.save(tmp_path / "network.keras")
        keras.mixed_precision.set_dtype_policy(policies[loaded_under])
        loaded = keras.saving.load_model(tmp_path / "network.keras")
        found = loaded(features())
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    for model in (network, loaded):
        assert model.dtype_policy.name == policies[saved_under]
        for branch in (model.image_branch, model.text_branch):
            for name in ("hidden", "hidden_norm", "embedding"):
                assert branch.get_layer(name).dtype_policy.name == policies[saved_under]
    for view, embeddings in expected.items():
        np.testing.assert_array_equal(found[view], embeddings)


def test_a_policy_may_be_given():
    network = small_network(dtype="mixed_bfloat16")
    assert network.text_branch.get_layer("embedding").compute_dtype == "bfloat16"
    assert network(features())["text"].dtype == tf.float32


@pytest.mark.slow
def test_fit_under_xla():
    network = small_network()
    moves = fitted(network, jit_compile=True)
    assert network.jit_compile is True  # Keras falls back without a word but a warning
    assert sum(move > 0 for move in moves) >= 10


def test_a_frozen_branch_does_not_move():
    network = small_network()
    network.text_branch.trainable = False
    before = [weight.numpy() for weight in network.text_branch.weights]
    fitted(network)
    for weight, old in zip(network.text_branch.weights, before):
        np.testing.assert_array_equal(weight.numpy(), old)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_dim": 0}, "`image_dim` must be a positive int. Received: image_dim=0"),
        ({"text_dim": -2}, "`text_dim` must be a positive int. Received: text_dim=-2"),
        ({"hidden_dim": 2.5}, "`hidden_dim` must be a positive int. Received: hidden_dim=2.5"),
        ({"embedding_dim": 0}, "`embedding_dim` must be a positive int. Received: embedding_dim=0"),
        ({"noise": -1.0}, r"`noise` must be in \[0, 1\]. Received: noise=-1.0"),
        ({"dropout": 1.0}, r"`dropout` must be in \[0, 1\). Received: dropout=1.0"),
        ({"dropout": -0.1}, r"`dropout` must be in \[0, 1\). Received: dropout=-0.1"),
        ({"dropout": float("nan")}, r"`dropout` must be in \[0, 1\). Received: dropout=nan"),
    ],
)
def test_wrong_settings_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        small_network(**changes)


def test_sizes_from_numpy_are_sizes(tmp_path):
    network = small_network(
        image_dim=np.int64(6), hidden_dim=np.int32(8), embedding_dim=np.int64(5)
    )
    network.save(tmp_path / "network.keras")
    assert network.input["image"].shape == (None, 6)
