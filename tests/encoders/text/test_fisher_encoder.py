"""Tests of the fitted encoder: word indices to projected Fisher vectors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.decomposition import PCA

from tb_keras.encoders.fisher.fisher_vectors import FisherVectors
from tb_keras.encoders.fisher.mixture_fitting import KINDS, fit_mixture
from tb_keras.encoders.text.fisher_encoder import fit_fisher_encoder
from tests.cases import slow_but


def texts_and_vectors(num_texts=60, words=7, vocabulary=80, dim=5, seed=0):
    rng = np.random.default_rng(seed)
    indices = rng.integers(1, vocabulary + 2, (num_texts, words)).astype(np.int32)
    indices[np.arange(words) >= rng.integers(1, words + 1, (num_texts, 1))] = 0
    return indices, rng.standard_normal((vocabulary, dim)).astype(np.float32)


def fit(indices, vectors, **options):
    options = {"num_centers": 3, "components": 10, "verbose": False, **options}
    return fit_fisher_encoder(indices, vectors, **options)


@pytest.mark.parametrize("kind", slow_but("hybrid", cases=KINDS))
def test_it_is_the_parts_one_after_another(kind):
    indices, vectors = texts_and_vectors()
    used = np.unique(indices[indices >= 2]) - 2
    mixture = fit_mixture(vectors[used], 3, kind, verbose=False)
    layer = tf.function(FisherVectors.of(mixture), input_signature=[tf.TensorSpec((1, None, 5))])
    fisher = np.zeros((len(indices), 30))
    for row, text in zip(fisher, indices):
        known = text[text >= 2] - 2
        if len(known):
            row[:] = layer(vectors[known][None])[0]
    known = (indices >= 2).any(axis=1)
    expected = PCA(10, svd_solver="full").fit(fisher[known]).transform(fisher)
    expected *= known[:, None]
    expected /= np.maximum(np.linalg.norm(expected, axis=1, keepdims=True), 1e-12)
    found = fit(indices, vectors, kind=kind)(indices).numpy()
    assert found.dtype == np.float32
    # Components have no sign; cosines do not see it.
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=2e-3)
    plain = fit(indices, vectors, kind=kind, components=None)(indices).numpy()
    np.testing.assert_allclose(plain, fisher, atol=1e-5)


def test_padding_unknown_words_and_empty_texts():
    indices, vectors = texts_and_vectors()
    encoder = fit(indices, vectors)
    found = encoder(indices).numpy()
    wider = np.pad(indices, ((0, 0), (2, 3)), constant_values=((0, 0), (1, 0)))
    np.testing.assert_allclose(encoder(wider), found, atol=1e-5)
    np.testing.assert_array_equal(encoder(np.array([[0, 0], [1, 0]], np.int32)), np.zeros((2, 10)))


def test_saved_and_loaded(tmp_path):
    indices, vectors = texts_and_vectors()
    encoder = fit(indices, vectors)
    assert not encoder.trainable_weights
    assert encoder.output_shape == (None, 10)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(loaded(indices), encoder(indices))


def test_strings_before_it():
    """A model of strings to indices joins with it in one line."""
    indices, vectors = texts_and_vectors()
    encoder = fit(indices, vectors)
    words = [f"word{row}" for row in range(len(vectors))]
    lookup = keras.layers.TextVectorization(vocabulary=words, output_sequence_length=7)
    strings = keras.Input((), dtype="string")
    model = keras.Model(strings, encoder(keras.ops.cast(lookup(strings), "int32")))
    found = model(keras.ops.convert_to_tensor(["word0 nothing word5", ""])).numpy()
    np.testing.assert_allclose(found[:1], encoder(np.array([[2, 1, 7]], np.int32)), atol=1e-6)
    assert not found[1].any()


def test_fewer_words_and_texts_than_asked_for(capsys):
    indices, vectors = texts_and_vectors(num_texts=5, vocabulary=80)
    indices[:, 2:] = 0
    indices[indices >= 2] = indices[indices >= 2] % 7 + 2
    number = len(np.unique(indices[indices >= 2]))
    encoder = fit(indices, vectors, num_centers=30, components=6000, verbose=True)
    assert encoder.output_shape[1] < 5
    printed = capsys.readouterr().out
    assert f"{number} centers instead of 30" in printed
    assert "components instead of 6000" in printed


@pytest.mark.slow
def test_a_sample_of_texts_for_the_projection():
    indices, vectors = texts_and_vectors(300)
    encoder = fit(indices, vectors, projection_texts=100)
    again = fit(indices, vectors, projection_texts=100)
    np.testing.assert_array_equal(encoder(indices), again(indices))
    everything = fit(indices, vectors)(indices).numpy()
    cosines = encoder(indices).numpy() @ encoder(indices).numpy().T
    assert np.corrcoef(cosines.ravel(), (everything @ everything.T).ravel())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, v: (i + 80, v), r"`indices` must lie in \[0, 82\)"),
        (lambda i, v: (i - 1, v), "`indices`.*from -1"),
        (lambda i, v: (i.astype(float), v), "`indices` must be an int array"),
        (lambda i, v: (i[0], v), "`indices` must be an int array"),
        (lambda i, v: (i, v.astype(float)), "`vectors` must be float32"),
        (lambda i, v: (i * 0 + 1, v), "two texts with a known word or more. Received: 0"),
        (lambda i, v: (i[:0], v), "two texts with a known word or more. Received: 0"),
    ],
)
def test_wrong_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        fit(*change(*texts_and_vectors()))
