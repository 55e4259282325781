"""Tests of the word encoders: padding, empty texts, gradients, copies, files."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.text.word_encoder import WORD_ENCODERS, redrawn, word_encoder
from tb_keras.encoders.text.word_vectors import WordVectors

WORDS = [f"w{number}" for number in range(6)]
INDICES = np.array([[2, 7, 4, 0, 0], [3, 0, 0, 0, 0], [0, 0, 0, 0, 0], [1, 5, 6, 2, 3]], "int32")


def given_vectors(dim=4):
    rng = np.random.default_rng(0)
    words = ["other", *reversed(WORDS)]
    return WordVectors(words, rng.normal(size=(len(words), dim)).astype("float32"))


def built(name, vectors="given"):
    return word_encoder(
        name, WORDS, given_vectors() if vectors == "given" else None, dim=4, units=3
    )


@pytest.mark.parametrize("name", WORD_ENCODERS)
def test_padding_makes_no_difference_and_empty_texts_are_zeros(name):
    encoder = built(name)
    found = encoder(INDICES).numpy()
    assert found.dtype == np.float32
    assert found.shape == (4, {"attended_words": 4, "lstm": 3, "bidirectional_lstm": 6}[name])
    longer = np.pad(INDICES, ((0, 0), (0, 9)))
    np.testing.assert_allclose(encoder(longer), found, atol=1e-6)
    for row in range(2):  # alone, without any padding
        words = INDICES[row : row + 1, : np.count_nonzero(INDICES[row])]
        np.testing.assert_allclose(encoder(words)[0], found[row], atol=1e-6)
    assert not found[2].any()
    assert np.abs(found[[0, 1, 3]]).max(axis=1).min() > 0


def lstm_by_hand(layer, vectors):
    """The last state in NumPy, by Hochreiter and Schmidhuber with a forget gate."""
    kernel, recurrent, bias = (weight.numpy() for weight in layer.weights)
    units = recurrent.shape[0]
    state = memory = np.zeros(units)
    for vector in vectors:
        gates = vector @ kernel + state @ recurrent + bias
        take, keep, _, give = (1 / (1 + np.exp(-g)) for g in np.split(gates, 4))
        memory = keep * memory + take * np.tanh(np.split(gates, 4)[2])
        state = give * np.tanh(memory)
    return state


def test_the_lstms_are_read_word_by_word():
    for name in ("lstm", "bidirectional_lstm"):
        encoder = built(name)
        table = encoder.get_layer("word_vectors").embeddings.numpy()
        found = encoder(INDICES).numpy()
        layer = encoder.get_layer(name)
        for row, indices in zip(found, INDICES):
            vectors = [table[index] for index in indices if index]
            if name == "lstm":
                expected = lstm_by_hand(layer, vectors)
            else:
                forward = lstm_by_hand(layer.forward_layer, vectors)
                backward = lstm_by_hand(layer.backward_layer, vectors[::-1])
                expected = np.concatenate([forward, backward])
            np.testing.assert_allclose(row, expected, atol=1e-6)


@pytest.mark.parametrize("name", WORD_ENCODERS)
def test_gradients_reach_the_vectors_of_the_words_that_stand_there(name):
    encoder = built(name)
    table = encoder.get_layer("word_vectors").embeddings
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(encoder(INDICES) ** 2)
    gradients = tape.gradient(total, encoder.trainable_weights)
    assert all(np.isfinite(tf.convert_to_tensor(gradient)).all() for gradient in gradients)
    position = [weight is table for weight in encoder.trainable_weights].index(True)
    moved = np.abs(tf.convert_to_tensor(gradients[position])).max(axis=1) > 0
    assert moved.tolist() == [False] + [True] * 7  # all but the padding, the unknown word too


def test_the_first_vectors_are_the_given_ones():
    table = built("lstm").get_layer("word_vectors").embeddings.numpy()
    np.testing.assert_array_equal(table[:2], 0)
    np.testing.assert_array_equal(table[2:], given_vectors().of(WORDS))
    table = built("lstm", "random").get_layer("word_vectors").embeddings.numpy()
    assert len(np.unique(table)) == table.size == 8 * 4


@pytest.mark.parametrize("vectors", ["given", "random"])
@pytest.mark.parametrize("name", WORD_ENCODERS)
def test_copies_differ_in_what_is_random(name, vectors):
    encoder = built(name, vectors)
    encoder.get_layer("word_vectors").embeddings.assign_add(np.full((8, 4), 0.25))
    copies = []
    for seed in (0, 0, 1):
        keras.utils.set_random_seed(seed)
        copies.append(redrawn(encoder))
    for first, again, other in zip(*(copy.weights for copy in copies)):
        np.testing.assert_array_equal(first, again)
        assert first is not again
        kept = first.name == "bias" or (first.name == "embeddings" and vectors == "given")
        assert np.array_equal(first, other) == kept
    table, original = (e.get_layer("word_vectors").embeddings for e in (copies[0], encoder))
    assert np.array_equal(table, original) == (vectors == "given")
    assert redrawn(copies[0]).get_layer("word_vectors").given == (vectors == "given")


def test_any_other_model_is_copied_as_it_is():
    indices = keras.Input((3,), dtype="int32")
    vectors = keras.layers.Flatten()(keras.layers.Embedding(5, 2)(indices))
    model = keras.Model(indices, keras.layers.Dense(4)(vectors))
    copy = redrawn(model)
    batch = np.array([[1, 2, 4]])
    np.testing.assert_array_equal(copy(batch), model(batch))
    assert not {id(w) for w in copy.weights} & {id(w) for w in model.weights}


@pytest.mark.parametrize("name", WORD_ENCODERS)
def test_saves_and_loads(tmp_path, name):
    encoder = built(name)
    encoder.save(tmp_path / "words.keras")
    loaded = keras.saving.load_model(tmp_path / "words.keras")
    np.testing.assert_allclose(loaded(INDICES), encoder(INDICES), atol=1e-6)
    assert loaded.get_layer("word_vectors").given is True


def test_wrong_settings_are_named():
    with pytest.raises(ValueError, match=r"`name` must be one of attended_words, .*'gru'"):
        word_encoder("gru", 3)
    with pytest.raises(KeyError, match="cat"):
        word_encoder("lstm", ["cat"], given_vectors())
