"""Tests of CLIP's byte pairs: the tokens of the `tokenizers` library are those of the layer."""

import unicodedata

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.text.tokenization import TokenizeTexts
from tb_keras.serving.runtimes.tokenizer_file import runtime_tokenizer
from tests.cases import examples
from tests.encoders.presets.random_presets import byte_pairs
from tests.serving.runtimes.small_towers import tokens_of_both

TEXTS = [
    "",
    "A dog, and the CATS!",
    "the cat's 100% wool: it's",
    "in 2023 they're 12",
    "ein Café in Malmo\u0308, die Straße",
    "ΟΔΟΣ Σας σς",
    "犬が走る 🐕🐕",
    "a\tb\nc\xa0d\u3000e",
    "a <|endoftext|> b <|startoftext|>",
    "dog " * 40,
]


@pytest.fixture(scope="module")
def layer():
    import keras_hub

    return TokenizeTexts(keras_hub.models.CLIPTokenizer(*byte_pairs()), 20, cleaning="lower")


def test_texts(layer):
    found, expected = tokens_of_both(layer, TEXTS)
    for text, ids, right in zip(TEXTS, found, expected):
        assert ids == right, text


CHARACTERS = st.characters(exclude_categories=["Cs", "Cn", "Co"], max_codepoint=0xA7BF)


@examples(200)
@given(text=st.text(CHARACTERS | st.sampled_from("dogcat's12 .,!Σ\u0308"), max_size=15))
def test_any_text(layer, text):
    found = runtime_tokenizer(layer).encode(text).ids
    assert found == layer(tf.constant([text]))["token_ids"][0].numpy().tolist()


@pytest.mark.slow
def test_every_character(layer):
    characters = [c for c in map(chr, range(1, 0x30000)) if unicodedata.category(c) not in "CsCnCo"]
    others = []
    for start in range(0, len(characters), 10_000):
        block = characters[start : start + 10_000]
        found, expected = tokens_of_both(layer, [f"dog{character}cat" for character in block])
        others += [c for c, ids, right in zip(block, found, expected) if ids != right]
    assert len(others) < 50
    assert {unicodedata.category(character) for character in others} == {"Lu"}
    assert min(others) > "\u2c2e"
