"""Bags of words: how often each word occurs in a text, weighted by how rare it is."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import ArrayLike

from tb_keras.encoders.text.words import FIRST_WORD


@keras.saving.register_keras_serializable(package="tb_keras")
class BagOfWords(keras.layers.Layer):
    """A layer from word indices to tf-idf vectors of unit length.

    The entry of a word is how often it occurs in the text, times its weight. Padding and words
    outside the vocabulary do not count. A text without a word of the vocabulary gives zeros.

    Args:
        num_words: size `V` of the vocabulary.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        indices: int `(batch, words)`.

    Returns:
        Float32 `(batch, V)`.

    Examples:
        >>> layer = BagOfWords(3)
        >>> layer.set_weighting([1.0, 2.0, 1.0])
        >>> layer(np.array([[2, 1, 3, 2], [0, 0, 0, 0]])).numpy().round(3).tolist()
        [[0.7070000171661377, 0.7070000171661377, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, num_words: int, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.num_words = num_words
        self.weighting = self.add_weight((num_words,), "ones", trainable=False, name="weighting")
        self.built = True

    def set_weighting(self, weighting: ArrayLike) -> None:
        """Sets the weights of the words, float `(V,)`."""
        self.weighting.assign(weighting)

    def call(self, indices):
        import tensorflow as tf

        indices = tf.cast(indices, tf.int32)
        rows = tf.broadcast_to(tf.range(tf.shape(indices)[0])[:, None], tf.shape(indices))
        # Counts are added up in place: a one-hot (batch, words, V) would not fit.
        shape = [tf.shape(indices)[0], self.num_words + FIRST_WORD]
        places = tf.stack([rows, indices], axis=-1)
        counts = tf.scatter_nd(places, tf.ones_like(indices, tf.float32), shape)
        weighted = counts[:, FIRST_WORD:] * self.weighting
        return tf.math.l2_normalize(weighted, axis=1)

    def compute_output_spec(self, indices):
        return keras.KerasTensor((indices.shape[0], self.num_words), "float32")

    def get_config(self) -> dict:
        return {**super().get_config(), "num_words": self.num_words}


def inverse_document_frequencies(texts_with: ArrayLike, num_texts: int) -> np.ndarray:
    """Returns the weight ln((1 + n) / (1 + nᵥ)) + 1 of each word, float64 `(V,)`.

    This is scikit-learn's smoothed form, `TfidfTransformer(smooth_idf=True)`. It acts as if one
    more text held every word once, and words that all texts have still count.

    Args:
        texts_with: int `(V,)`, the number nᵥ of texts with each word.
        num_texts: the number n of texts.

    Reference:
        Spärck Jones, *A statistical interpretation of term specificity and its application in
        retrieval*, Journal of Documentation 28(1), 1972.

    Examples:
        >>> inverse_document_frequencies([9, 4], 9).round(3).tolist()
        [1.0, 1.693]
    """
    return np.log((1 + num_texts) / (1 + np.asarray(texts_with, np.float64))) + 1
