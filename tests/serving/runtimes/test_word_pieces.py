"""Tests of word pieces: the tokens of the `tokenizers` library are those of the layer."""

import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.serving.runtimes.tokenizer_file import runtime_tokenizer
from tests.cases import examples, slow_but
from tests.serving.runtimes.small_towers import VOCABULARY, tokenizing, tokens_of_both

KINDS = {
    "as MiniLM": {},
    "cased": {"lowercase": False, "strip_accents": False},
    "accents": {"strip_accents": False},
    "no characters of their own": {"split_on_cjk": False},
    "other signs": {"suffix_indicator": "#", "oov_token": "[MASK]"},
}
TEXTS = [
    "",
    "A bus!",
    "flying insects. ",
    "a\tb\nab\xa0ba",
    "Cafés, cafe\u0301s",
    "Straße STRASSE ẞ",
    "ΟΔΟΣ σς",
    "犬犬a 🐕🐕",
    "[CLS] a [SEP]",
    "x\x01a a\u200bb a\u00adb",
    "dog´s ¨a",
    "ｆｌｙ ﬁsh ½ a² ™",
    "ab " * 40,
    "a" * 101,
    "\ufffd a",
]
# Letters, marks, digits and signs of many scripts, and all that is not printed.
PIECES = st.sampled_from([p.removeprefix("##") for p in VOCABULARY] + list(" \t\n.,!-'ÄéßΣς"))
CHARACTERS = st.characters(
    exclude_categories=["Cs", "Cn", "Co"], min_codepoint=1, max_codepoint=0x2FFFF
)


def is_told(character):
    """Whether the docstring says that this character may be read otherwise, or it is too new."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", character)).casefold()
    if folded == "":  # a filler of Hangul
        return True

    def parts(text):
        return [unicodedata.category(c)[0] not in "LMN" or ord(c) > 0x2E7F for c in text]

    several = len(folded) > 1 and any(parts(folded))
    return folded != character.casefold() and (several or any(parts(folded)))


@pytest.mark.parametrize("kind", slow_but("as MiniLM", cases=KINDS))
def test_texts(kind):
    found, expected = tokens_of_both(tokenizing(**KINDS[kind]), TEXTS)
    for text, ids, right in zip(TEXTS, found, expected):
        assert ids == right, text


LAYER = tokenizing(max_tokens=40)
TOKENIZER = runtime_tokenizer(LAYER)


@examples(200)
@given(st.lists(PIECES | CHARACTERS.filter(lambda c: not is_told(c)), max_size=12))
def test_any_text(parts):
    text = "".join(parts)
    found, expected = TOKENIZER.encode(text).ids, LAYER(tf.constant([text]))["token_ids"]
    assert found == expected[0].numpy().tolist()


@pytest.mark.slow
def test_every_character_of_minilm():
    from tb_keras.encoders.text.text_encoder import text_tokens

    layer = text_tokens("minilm", 128)
    tokenizer = runtime_tokenizer(layer)
    characters = [c for c in map(chr, range(1, 0x30000)) if unicodedata.category(c) not in "CsCnCo"]
    others = []
    for start in range(0, len(characters), 10_000):
        block = characters[start : start + 10_000]
        texts = [f"x{character}y" for character in block]
        expected = layer(tf.constant(texts))["token_ids"].numpy()
        found = np.array([encoding.ids for encoding in tokenizer.encode_batch(texts)])
        wide = max(found.shape[1], expected.shape[1])
        padded = [np.pad(ids, ((0, 0), (0, wide - ids.shape[1]))) for ids in (found, expected)]
        wrong = (padded[0] != padded[1]).any(axis=1)
        others += [character for character, is_so in zip(block, wrong) if is_so]
    assert len(others) < 800
    rare = {character for character in others if not is_told(character)}
    assert len(rare) < 40
    assert {character for character in rare if character < "\u1c80"} == {"\u115f", "\u1160"}
