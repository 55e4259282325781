"""Tests of both networks with a text encoder of their own, trained on word indices."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork

WORDS = 3


def encoder(words=None, vocabulary=9):
    """The mean of word vectors; padding is a word like others."""
    indices = keras.Input((words,), dtype="int32")
    vectors = keras.layers.Embedding(vocabulary, 7, name="vectors")(indices)
    return keras.Model(indices, keras.ops.mean(vectors, axis=1), name="words")


def network(kind, **changes):
    settings = {"image_dim": 6, "text_dim": WORDS, "hidden_dim": 8, "embedding_dim": 5}
    settings["text_encoder"] = encoder()
    if kind is SimilarityNetwork:
        settings["joint_dims"] = (4,)
    return kind(**{**settings, **changes})


def batch(n=12, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(n, 6)).astype("float32")
    return {"image": images, "text": rng.integers(0, 9, (n, WORDS)).astype("int32")}


def scramble(model):
    rng = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))


BOTH = pytest.mark.parametrize("kind", [EmbeddingNetwork, SimilarityNetwork])


@BOTH
def test_the_encoder_is_the_first_part_of_the_text_branch(kind):
    made = network(kind)
    scramble(made)
    given = batch()
    table = made.text_encoder.get_layer("vectors").embeddings.numpy()
    branch = made.text_branch
    assert branch.get_layer("words") is made.text_encoder
    assert (branch.input.dtype, made.input["text"].dtype) == ("int32", "int32")
    norm, hidden, hidden_norm, embedding = (
        branch.get_layer(name) for name in ("encoder_norm", "hidden", "hidden_norm", "embedding")
    )
    rows = table[given["text"]].mean(axis=1)
    rows = (rows - norm.moving_mean) / np.sqrt(norm.moving_variance + 1e-6)
    rows = rows @ hidden.kernel.numpy() + hidden.bias
    rows = (rows - hidden_norm.moving_mean) / np.sqrt(hidden_norm.moving_variance + 1e-3)
    rows = np.maximum(rows * hidden_norm.gamma + hidden_norm.beta, 0)
    rows = rows @ embedding.kernel.numpy() + embedding.bias
    expected = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(made.embed_texts(given["text"]), expected, atol=1e-5)
    kinds = [type(layer).__name__ for layer in branch.layers]
    assert "Standardization" not in kinds


@BOTH
def test_weights_are_all_there_and_gradients_reach_the_vectors(kind):
    made = network(kind)
    parts = made.image_branch, made.text_branch, made.fusion
    ids = [id(weight) for part in parts for weight in part.weights]
    assert sorted(ids) == sorted(id(weight) for weight in made.weights)
    table = made.text_encoder.get_layer("vectors").embeddings
    position = [weight is table for weight in made.trainable_weights].index(True)
    with tf.GradientTape() as tape:
        found = made(batch(), training=True)
        total = sum(tf.reduce_sum(part[..., :1]) for part in tf.nest.flatten(found))
    gradient = tape.gradient(total, made.trainable_weights)[position]
    assert np.abs(tf.convert_to_tensor(gradient)).max() > 0


@BOTH
def test_standardize_leaves_the_indices_alone(kind):
    made, given = network(kind), batch(40)
    before = made.text_branch.get_weights()
    made.standardize(given["image"] * 3 + 1, given["text"])
    np.testing.assert_allclose(
        made.image_branch.get_layer("standardize").mean,
        (given["image"] * 3 + 1).mean(axis=0),
        atol=1e-5,
    )
    for old, new in zip(before, made.text_branch.get_weights()):
        np.testing.assert_array_equal(old, new)


@BOTH
def test_config_round_trip(kind):
    made = network(kind, name="matcher")
    config = made.get_config()
    restored = kind.from_config(config)
    assert restored.get_config() == config == made.get_config()
    assert restored.text_encoder is not made.text_encoder
    assert [w.shape for w in restored.weights] == [w.shape for w in made.weights]
    assert network(kind, text_encoder=None).get_config()["text_encoder"] is None


@BOTH
def test_indices_may_be_of_any_int_type_but_ints(kind):
    made, texts = network(kind), batch()["text"]
    expected = made.embed_texts(texts)
    for dtype in ("int64", "uint8", "int16"):
        np.testing.assert_array_equal(made.embed_texts(texts.astype(dtype)), expected)
    with pytest.raises(ValueError, match=r"`text_features` must be ints\..*dtype=float32"):
        made.embed_texts(texts.astype("float32"))
    with pytest.raises(ValueError, match=r"`text_features` must have shape \(n, 3\).*\(12, 2\)"):
        made.embed_texts(texts[:, :2])


def flat(indices):
    return keras.layers.Embedding(9, 7)(indices)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: encoder(words=4), r"must take rows \(batch, 3\).*from \(None, 4\) to \(None, 7\)"),
        (
            lambda: keras.Model(i := keras.Input((3,), dtype="int32"), flat(i)),
            r"`text_encoder` must .* to \(None, 3, 7\)",
        ),
    ],
)
def test_an_encoder_that_does_not_fit_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        network(EmbeddingNetwork, text_encoder=wrong())
