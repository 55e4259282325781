"""Tests of the splitting into words: scripts, damage, and a character by character oracle."""

import re
import unicodedata

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.text.words import are_words, count_words, split_words, word_indices
from tests.cases import examples


def words_of(*texts):
    return [
        [word.decode() for word in words] for words in split_words(tf.constant(texts)).to_list()
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        (" \t\r\n ", ""),
        ("A man, in a RED hat.", "a man in a red hat"),
        ("dog's well-known U.S. e-mail", "dog s well known u s e mail"),
        ("3 dogs, 2nd 1.5", "3 dogs 2nd 1 5"),
        ("snake_case and/or", "snake case and or"),
        ("Straße STRASSE", "strasse strasse"),
        ("ΣΊΣΥΦΟΣ σίσυφος", "σίσυφοσ σίσυφοσ"),
        ("ﬁne ＦＵＬＬ", "fine full"),
        ("e\u0301te\u0301", "été"),
        ("\u0301", ""),
        ("a \u0301b", "a b"),
        ("一只狗在跑。", "一 只 狗 在 跑"),
        ("犬がいる", "犬 が い る"),
        ("dog狗dog", "dog 狗 dog"),
        ("한국어 문장", "한국어 문장"),
        ("כלב רץ", "כלב רץ"),
        ("\u202bكلب يجري\u202c", "كلب يجري"),
        ("हिन्दी भाषा", "हिन्दी भाषा"),
        ("🐕 🐕🐈", "🐕 🐕 🐈"),
        ("👩‍🚀☺️👍🏽", "👩 🚀 ☺ 👍"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("nul\x00byte", "nul byte"),
        ("a\u00a0b\u3000c", "a b c"),
        ("<br>&amp;", "br amp"),
    ],
)
def test_words_of_many_scripts(text, words):
    assert words_of(text) == [words.split()]


def test_bytes_that_are_no_text_part_words():
    texts = [b"a\xffdog", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80 x", b"caf\xc3\xa9 \xe2\x82"]
    found = [[w.decode() for w in words] for words in split_words(tf.constant(texts)).to_list()]
    assert found == [["a", "dog"], [], [], ["x"], ["café"]]


# What Unicode's tables say of these has not changed for long, in Python's nor in TensorFlow's.
CHARACTERS = st.sampled_from(
    "abzABZ019 .,'-_!?\x00\t\né\u0301ßſΣςДд中国犬がナ한가ञ\u094dאשك🐕☺©€½²ﬁ，。«\u00ad\u200b\u2028"
)


def plain_words(text):
    """Character by character, by Python's tables."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    folded = unicodedata.normalize("NFKC", re.sub("[\u00ad\u200b]", "", folded))
    words, word = [], ""
    for character in folded + " ":
        category, name = unicodedata.category(character), unicodedata.name(character, "")
        alone = name.startswith(("CJK UNIFIED", "HIRAGANA", "KATAKANA")) or category == "So"
        if not alone and (category[0] in "LN" or (category[0] == "M" and word)):
            word += character
            continue
        words += [word] * bool(word) + [character] * alone
        word = ""
    return words


@examples(300)
@given(st.lists(st.text(CHARACTERS, max_size=12), min_size=1, max_size=4))
def test_any_text_is_split_as_character_by_character(texts):
    assert words_of(*texts) == [plain_words(text) for text in texts]


@examples(200)
@given(
    st.lists(st.one_of(st.text(max_size=20).map(str.encode), st.binary(max_size=20)), min_size=1)
)
def test_any_bytes_are_split_and_splitting_again_changes_nothing(texts):
    ragged = split_words(tf.constant(texts))
    assert ragged.nrows() == len(texts)
    again = split_words(tf.strings.reduce_join(ragged, axis=1, separator=" "))
    assert again.to_list() == ragged.to_list()


def test_word_indices():
    layer = word_indices(["a", "dog", "中"], 3)
    texts = tf.constant(["A DOG", "", "cat dog 中中", "中"])
    expected = [[2, 3, 0], [0, 0, 0], [1, 3, 4], [4, 0, 0]]
    np.testing.assert_array_equal(layer(texts), expected)
    assert word_indices(["a"], None)(texts).shape == (4, 4)


def test_counts_are_of_texts_and_ranked():
    counts = count_words(["b b b", "a", "c a", "", "中 C"])
    assert list(counts.texts_with.items()) == [("a", 2), ("c", 2), ("b", 1), ("中", 1)]
    assert (counts.num_texts, counts.longest) == (5, 3)
    many = count_words([f"word{number % 7}" for number in range(9000)])  # more than a block
    assert sum(many.texts_with.values()) == many.num_texts == 9000


def test_what_is_a_word():
    words = ["dog", "Dog", "ice cream", "", "中", "中国", "🐕", "naïve", "\x00", "2nd"]
    expected = [True, False, False, False, True, False, True, True, False, True]
    assert are_words(words) == expected
