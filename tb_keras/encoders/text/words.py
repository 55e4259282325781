"""Strings to words in every script, inside the graph."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import keras

if TYPE_CHECKING:
    import tensorflow as tf

_TEXTS = 4096  # texts split at a time
PADDING, OUT_OF_VOCABULARY, FIRST_WORD = 0, 1, 2  # word indices

_REWRITES = (
    # Scripts without spaces, and symbols such as emoji, character by character.
    (r"([\p{Han}\p{Hiragana}\p{Katakana}\p{So}])", r" \1 "),
    # U+FFFD, which stands for bytes that are not UTF-8, is a symbol too.
    (r"[^\p{L}\p{M}\p{N}\p{So}]+|\x{FFFD}", " "),
    (r"(^| )\p{M}+", r"\1"),  # a mark needs a letter to stand on
)


@keras.saving.register_keras_serializable(package="tb_keras")
def split_words(texts: tf.Tensor) -> tf.RaggedTensor:
    """Splits strings into words, in the graph.

    Case is folded and compatible forms become one (Unicode's NFKC_Casefold: "ﬁne" and "FINE" are
    "fine"). A word is a run of letters, marks and digits; punctuation and spaces separate words.
    Chinese and Japanese characters, and symbols such as emoji, are words by themselves. Bytes that
    are not UTF-8 separate words, and so does U+FFFD, which stands for them.

    Args:
        texts: string `(batch,)`.

    Returns:
        Ragged strings `(batch, words)`, in UTF-8.

    Examples:
        >>> import tensorflow as tf
        >>> [
        ...     [word.decode() for word in words]
        ...     for words in split_words(
        ...         tf.constant(["The DOG's ball!", "", "一只狗 🐕"])
        ...     ).to_list()
        ... ]
        [['the', 'dog', 's', 'ball'], [], ['一', '只', '狗', '🐕']]
    """
    import tensorflow as tf
    import tensorflow_text

    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="replace")
    texts = tensorflow_text.case_fold_utf8(texts)
    for pattern, rewrite in _REWRITES:
        texts = tf.strings.regex_replace(texts, pattern, rewrite)
    return tf.strings.split(texts)


def word_indices(
    vocabulary: Sequence[str], max_words: int | None, split: Callable = split_words
) -> keras.layers.Layer:
    """Returns a layer from strings to the indices of their words.

    Args:
        vocabulary: distinct words, as `split` gives them.
        max_words: number of words to which texts are cut or padded; None for that of the longest
            text of each batch.
        split: a function from strings to ragged strings `(batch, words)`.

    Returns:
        A layer from string `(batch,)` to int64 `(batch, max_words)`: 0 is padding, 1 a word outside
        the vocabulary, and i + 2 the word `vocabulary[i]`.

    Examples:
        >>> import tensorflow as tf
        >>> word_indices(["a", "dog"], 4)(tf.constant(["A dog!", "a big dog"])).numpy().tolist()
        [[2, 3, 0, 0], [2, 1, 3, 0]]
    """
    return keras.layers.TextVectorization(
        standardize=None,
        split=split,
        output_mode="int",
        output_sequence_length=max_words,
        vocabulary=list(vocabulary),
        name="words",
    )


class WordCounts(NamedTuple):
    """The words of some texts.

    Attributes:
        texts_with: the number of texts with each word. Frequent words come first, and equally
            frequent ones in alphabetical order.
        num_texts: number of texts.
        longest: number of words of the longest text.
    """

    texts_with: Mapping[str, int]
    num_texts: int
    longest: int


def count_words(
    texts: Sequence[str], verbose: bool = False, split: Callable = split_words
) -> WordCounts:
    """Counts the words of texts.

    Args:
        texts: the strings.
        verbose: whether to show progress.
        split: as in `word_indices`.

    Returns:
        `WordCounts`: the number of texts with each word, the number of texts, and the number of
        words of the longest text.

    Examples:
        >>> count_words(["A dog", "a dog, a cat", "rain"])
        WordCounts(texts_with={'a': 2, 'dog': 2, 'cat': 1, 'rain': 1}, num_texts=3, longest=4)
    """
    import tensorflow as tf

    counts: collections.Counter[bytes] = collections.Counter()
    longest = 0
    progress = keras.utils.Progbar(len(texts), verbose=verbose, unit_name="text")
    for start in range(0, len(texts), _TEXTS):
        some = list(texts[start : start + _TEXTS])
        for words in split(tf.constant(some)).to_list():
            counts.update(set(words))
            longest = max(longest, len(words))
        progress.add(len(some))
    ranked = sorted(((w.decode(), n) for w, n in counts.items()), key=lambda pair: (-pair[1], pair))
    return WordCounts(dict(ranked), len(texts), longest)


def are_words(strings: Sequence[str]) -> list[bool]:
    """Returns for each string whether `split_words` leaves it as it is, as one word.

    Examples:
        >>> are_words(["dog", "Dog", "ice cream", "don't", ""])
        [True, False, False, False, False]
    """
    import tensorflow as tf

    found = []
    for start in range(0, len(strings), _TEXTS):
        some = list(strings[start : start + _TEXTS])
        for string, words in zip(some, split_words(tf.constant(some)).to_list()):
            found.append(words == [string.encode()])
    return found
