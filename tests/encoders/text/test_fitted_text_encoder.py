"""Tests of the encoders that are fitted to texts: vocabulary, features, files, caching."""

import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders import text_encoder
from tb_keras.encoders.text.fitted_text_encoder import BAGS, fit_text_encoder
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.encoders.text.words import split_words
from tb_keras.features import encode_corpus, encode_texts

TEXTS = ["A dog.", "a DOG, a cat", "the cat!", "a bus", "rain and rain"]
ASKED = ["Dog dog cat", "", "nothing known", "☔ 雨", "a a a bus", "the " * 200, "x\x00 a"]
FISHER = {"num_centers": 2, "components": 3}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))


def word_vectors():
    words = "cat dog bus rain a moon Moon sea".split()
    vectors = np.random.default_rng(0).normal(size=(len(words), 4)).astype("float32")
    return WordVectors([*words, "ice cream"], np.concatenate([vectors, vectors[:1]]))


def fitted(name, **changes):
    settings = {"verbose": False, "min_texts": 1, "units": 3}
    if name not in BAGS:
        settings["word_vectors"] = word_vectors()
    if name in ("hglmm", "gmm", "lmm"):
        settings |= FISHER
    return fit_text_encoder(name, TEXTS, **{**settings, **changes})


def vocabulary_of(encoder):
    (layer,) = [
        layer
        for layer in encoder._flatten_layers()
        if isinstance(layer, keras.layers.TextVectorization)
    ]
    return layer.get_vocabulary()[2:]


def features_of(encoder, texts):
    return encoder(tf.constant(texts)).numpy()


def words_of(text):
    return [word.decode() for word in split_words(tf.constant([text])).to_list()[0]]


def runs_of(text):
    words = [f"<{word}>" for word in words_of(text)]
    lengths = (3, 4, 5)
    return [w[at : at + n] for w in words for n in lengths for at in range(len(w) - n + 1)]


def test_tfidf_by_hand():
    encoder, trained = fitted("tfidf")
    assert trained is None
    vocabulary = vocabulary_of(encoder)
    assert vocabulary == ["a", "cat", "dog", "and", "bus", "rain", "the"]
    found = features_of(encoder, ASKED)
    of_texts = [set(words_of(text)) for text in TEXTS]
    for row, text in zip(found, ASKED):
        counts = np.array([words_of(text).count(word) for word in vocabulary], float)
        texts_with = np.array([sum(word in words for words in of_texts) for word in vocabulary])
        expected = counts * (np.log(6 / (1 + texts_with)) + 1)
        expected /= max(np.linalg.norm(expected), 1e-9)
        np.testing.assert_allclose(row, expected, atol=1e-6)


def test_tfidf_of_characters_by_hand():
    texts = ["Ein Hund läuft.", "zwei Hunde", "eine 猫", ""]
    encoder = fit_text_encoder("tfidf_characters", texts, min_texts=1, verbose=False).encoder
    vocabulary = vocabulary_of(encoder)
    of_texts = [runs_of(text) for text in texts]
    assert sorted(vocabulary) == sorted(set().union(*of_texts))
    assert {"hun", "<hund", "läu", "<猫>"} <= set(vocabulary)
    asked = ["Hunden und Hunden", "Läuft?", "nothing", ""]
    for row, text in zip(features_of(encoder, asked), asked):
        counts = np.array([runs_of(text).count(run) for run in vocabulary], float)
        texts_with = np.array([sum(run in runs for runs in of_texts) for run in vocabulary])
        expected = counts * (np.log(5 / (1 + texts_with)) + 1)
        expected /= max(np.linalg.norm(expected), 1e-9)
        np.testing.assert_allclose(row, expected, atol=1e-6)


def test_mean_words_by_hand():
    encoder, trained = fitted("mean_words", max_words=50)
    assert trained is None
    known = word_vectors()
    for row, text in zip(features_of(encoder, ASKED), ASKED):
        vectors = [known.of([word])[0] for word in words_of(text)[:50] if word in known]
        expected = np.mean(vectors, axis=0) if vectors else np.zeros(4)
        expected = expected / max(np.linalg.norm(expected), 1e-9)
        np.testing.assert_allclose(row, expected, atol=1e-6)


def test_texts_that_are_cut_are_told():
    texts = [*TEXTS, "a dog and a cat " * 13]  # 65 words
    message = r"^texts are cut after max_words=64 words; the longest has 65$"
    with pytest.warns(UserWarning, match=message):
        encoder, _ = fit_text_encoder("lstm", texts, units=4, verbose=False)
    assert encoder.output_shape == (None, 64)
    for name in BAGS:
        fit_text_encoder(name, texts, verbose=False)  # takes whole texts


@pytest.mark.parametrize("name", WORD_ENCODERS)
def test_trained_encoders_come_in_two_parts(name):
    encoder, trained = fitted(name)
    indices = features_of(encoder, ASKED)
    assert (indices.dtype, indices.shape) == (np.int32, (7, 4))  # the longest of TEXTS has four
    vocabulary = vocabulary_of(encoder)
    for row, text in zip(indices, ASKED):
        expected = [vocabulary.index(w) + 2 if w in vocabulary else 1 for w in words_of(text)[:4]]
        np.testing.assert_array_equal(row, expected + [0] * (4 - len(expected)))
    table = trained.get_layer("word_vectors").embeddings
    np.testing.assert_array_equal(table[2:], word_vectors().of(vocabulary))
    assert trained(indices).shape[0] == 7


def test_the_vocabulary():
    def vocabulary(name="lstm", **changes):
        return vocabulary_of(fitted(name, **changes).encoder)

    assert vocabulary() == ["a", "cat", "dog", "bus", "rain", "moon", "sea"]
    assert vocabulary("mean_words", max_vocabulary=4) == ["a", "cat", "dog", "bus"]
    assert vocabulary(word_vectors=None, min_texts=2) == ["a", "cat", "dog"]
    assert vocabulary("tfidf", min_texts=3) == ["a"]
    assert vocabulary("tfidf", max_vocabulary=2) == ["a", "cat"]


def test_random_vectors_follow_the_seed():
    first, again, other = (
        fitted("lstm", word_vectors=None, dim=5, seed=seed).word_encoder for seed in (0, 0, 1)
    )
    assert first.get_layer("word_vectors").embeddings.shape == (9, 5)
    for ours, same, theirs in zip(*(e.weights for e in (first, again, other))):
        np.testing.assert_array_equal(ours, same)
        assert ours.name == "bias" or not np.array_equal(ours, theirs)


def test_a_file_is_a_name_whose_content_counts(tmp_path):
    path = str(tmp_path / "texts.keras")
    fitted("tfidf").encoder.save(path)
    first = encode_texts(ASKED, path, verbose=False)
    np.testing.assert_allclose(first, text_encoder(path)(tf.constant(ASKED)), atol=1e-6)
    moved = str(tmp_path / "moved.keras")
    os.rename(path, moved)
    with pytest.raises(FileNotFoundError):
        encode_texts(ASKED, path, verbose=False)
    kept = sorted((tmp_path / "cache").rglob("*.npy"))
    np.testing.assert_array_equal(encode_texts(ASKED, moved, verbose=False), first)
    assert sorted((tmp_path / "cache").rglob("*.npy")) == kept  # found again, not encoded
    fitted("tfidf", min_texts=2).encoder.save(moved)
    assert encode_texts(ASKED, moved, verbose=False).shape == (7, 3)
    with pytest.raises(FileNotFoundError, match=r"must be the path of a \.keras file"):
        text_encoder(path)


def test_indices_stay_ints(tmp_path):
    path = str(tmp_path / "words.keras")
    encoder, _ = fitted("lstm")
    encoder.save(path)
    corpus = Corpus(np.arange(7), image_features=np.eye(7), texts=ASKED)
    for _ in range(2):  # encoded, and found on disk
        found = encode_corpus(corpus, text_encoder=path, verbose=False).text_features
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, features_of(encoder, ASKED))


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("word2vec", {}, r"`name` must be one of tfidf, .*'word2vec'"),
        (
            "tfidf",
            {"max_vocabulary": 0},
            r"must be a positive int\. Received: max_vocabulary=0",
        ),
        (
            "tfidf",
            {"min_texts": 1.5},
            r"must be a positive int\. Received: min_texts=1.5",
        ),
        ("lstm", {"max_words": -1}, r"must be a positive int\. Received: max_words=-1"),
        ("tfidf", {"word_vectors": word_vectors()}, "`word_vectors` must be left out for 'tfidf'"),
        ("mean_words", {"word_vectors": None}, "`word_vectors` must be given for 'mean_words'"),
        ("hglmm", {"word_vectors": None}, "`word_vectors` must be given for 'hglmm'"),
        ("tfidf", {"min_texts": 9}, "5 texts with 7 words, none in 9 texts"),
        ("lstm", {"num_centers": 3}, "'lstm' takes no num_centers"),
    ],
)
def test_wrong_settings_are_named(name, changes, message):
    with pytest.raises(ValueError, match=message):
        fitted(name, **changes)


def test_texts_without_words():
    with pytest.raises(ValueError, match="`texts` must hold words"):
        fit_text_encoder("tfidf", ["", "..."], verbose=False)
