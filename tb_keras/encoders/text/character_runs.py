"""Strings to the runs of characters in their words, inside the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from tb_keras.encoders.text.words import split_words

if TYPE_CHECKING:
    import tensorflow as tf

_LENGTHS = (3, 4, 5)


@keras.saving.register_keras_serializable(package="tb_keras")
def split_character_runs(texts: tf.Tensor) -> tf.RaggedTensor:
    """Splits strings into the runs of 3, 4 and 5 characters in their words, in the graph.

    Words are those of `split_words`, with "<" before and ">" after each. Inflected and compound
    words share most of their runs, so that a language with many forms needs no list of them.

    Args:
        texts: string `(batch,)`.

    Returns:
        Ragged strings `(batch, runs)`, in UTF-8.

    Reference:
        Bojanowski, Grave, Joulin and Mikolov, *Enriching Word Vectors with Subword Information*,
        TACL 5, 2017.

    Examples:
        >>> import tensorflow as tf
        >>> [run.decode() for run in split_character_runs(tf.constant(["A dog!"])).to_list()[0]]
        ['<a>', '<do', 'dog', 'og>', '<dog', 'dog>', '<dog>']
    """
    import tensorflow as tf

    words = split_words(texts)
    marked = words.with_flat_values(tf.strings.join(["<", words.flat_values, ">"]))
    characters = tf.strings.unicode_split(marked, "UTF-8")
    return tf.strings.ngrams(characters, _LENGTHS, separator="").merge_dims(1, 2)
