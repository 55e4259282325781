"""Word encoders: a text's word indices to one vector, trained with the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import keras
import numpy as np
from keras import ops

from tb_keras.encoders.text.word_pooling import AttendedMean
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.encoders.text.words import FIRST_WORD, PADDING

WORD_ENCODERS = ("attended_words", "lstm", "bidirectional_lstm")


@keras.saving.register_keras_serializable(package="tb_keras")
class WordEmbedding(keras.layers.Embedding):
    """A layer with a vector for each word index: padding, out of vocabulary, the vocabulary.

    Args:
        num_words: size of the vocabulary.
        dim: size of the vectors.
        given: whether `set_vectors` gave the vectors their first values, which `redrawn` keeps.
        **kwargs: arguments of `keras.layers.Embedding`.
    """

    def __init__(self, num_words: int, dim: int, given: bool = False, **kwargs):
        super().__init__(num_words + FIRST_WORD, dim, **kwargs)
        self.num_words = num_words
        self.given = given

    def set_vectors(self, vectors: np.ndarray) -> None:
        """Sets the vectors of the vocabulary, float `(num_words, dim)`, and the others to zeros."""
        self.embeddings.assign(np.pad(vectors, ((FIRST_WORD, 0), (0, 0))))
        self.given = True

    def get_config(self) -> dict:
        config = super().get_config()
        dim = config.pop("output_dim")
        del config["input_dim"]
        return {**config, "num_words": self.num_words, "dim": dim, "given": self.given}


@keras.saving.register_keras_serializable(package="tb_keras")
class FirstCounts(keras.layers.Layer):
    """A layer that sets the first column of a bool mask `(batch, words)` to True.

    An LSTM on a GPU refuses a text in which no word counts.
    """

    def call(self, counts):
        return ops.concatenate([ops.ones_like(counts[:, :1]), counts[:, 1:]], axis=1)

    def compute_output_shape(self, counts_shape):
        return counts_shape


def word_encoder(
    name: str,
    vocabulary: Sequence[str] | int,
    word_vectors: WordVectors | None = None,
    dim: int = 300,
    units: int = 256,
) -> keras.Model:
    """Builds, by its name, the part of a text encoder that is trained with the network.

    Pass it to a network as `text_encoder`. Words outside the vocabulary, index 1, share a vector
    that is learned like the others. The length of the padding makes no difference, and a text
    without words gives zeros.

    Args:
        name: one of

            - `"attended_words"`: the mean of the word vectors, weighted by a softmax over a score
              of two layers; `dim` features.
            - `"lstm"`: the last state of an LSTM over the word vectors; `units` features.
            - `"bidirectional_lstm"`: the last states of two LSTMs, one of which reads backwards;
              `2 * units` features.
        vocabulary: the words of the indices 2, 3, ..., or their number.
        word_vectors: first vectors of all words of `vocabulary`; random ones if left out.
        dim: size of random vectors.
        units: units of the LSTM, or of the score's first layer.

    Returns:
        A model from int32 `(batch, words)` to float32 `(batch, vector_dim)`.

    Raises:
        ValueError: `name` is unknown.
        KeyError: a word of `vocabulary` has no vector in `word_vectors`.

    Reference:
        Hochreiter and Schmidhuber, *Long Short-Term Memory*, Neural Computation 9(8), 1997;
        Schuster and Paliwal, *Bidirectional Recurrent Neural Networks*, IEEE Transactions on Signal
        Processing 45(11), 1997.

    Examples:
        >>> encoder = word_encoder("attended_words", ["a", "dog"], dim=5)
        >>> encoder(np.array([[2, 3, 0], [2, 1, 3]])).shape
        TensorShape([2, 5])
    """
    if name not in WORD_ENCODERS:
        raise ValueError(f"`name` must be one of {', '.join(WORD_ENCODERS)}. Received: {name!r}")
    num_words = vocabulary if isinstance(vocabulary, int) else len(vocabulary)
    embedding = WordEmbedding(
        num_words, dim if word_vectors is None else word_vectors.dim, name="word_vectors"
    )
    indices = keras.Input((None,), dtype="int32", name="word_indices")
    counts = ops.not_equal(indices, PADDING)
    vectors = embedding(indices)
    if word_vectors is not None:
        embedding.set_vectors(word_vectors.of(cast(Sequence[str], vocabulary)))
    if name == "attended_words":
        encoded = AttendedMean(units, name="attended_mean")(vectors, mask=counts)
    else:
        layer = keras.layers.LSTM(units, name="lstm")
        if name == "bidirectional_lstm":
            layer = keras.layers.Bidirectional(layer, name="bidirectional_lstm")
        state = layer(vectors, mask=FirstCounts(name="first_counts")(counts))
        some = ops.any(counts, axis=1, keepdims=True)
        encoded = ops.multiply(state, ops.cast(some, "float32"))
    return keras.Model(indices, encoded, name=name)


def redrawn(encoder: keras.Model) -> keras.Model:
    """Returns a copy of a word encoder with new random weights; given word vectors stay.

    Networks of several seeds then differ in all that is random. An encoder that `word_encoder` did
    not build is copied with all its weights.

    Examples:
        >>> encoder = word_encoder("lstm", 3, dim=2, units=4)
        >>> redrawn(encoder).count_params() == encoder.count_params()
        True
    """
    copy = type(encoder).from_config(encoder.get_config())
    embeddings = [
        (layer, other)
        for layer, other in zip(encoder.layers, copy.layers)
        if isinstance(layer, WordEmbedding)
    ]
    if not embeddings:
        copy.set_weights(encoder.get_weights())
    for layer, other in embeddings:
        if layer.given:
            other.set_weights(layer.get_weights())
    return copy
