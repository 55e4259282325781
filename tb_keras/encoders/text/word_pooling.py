"""Layers from the word vectors of a text to one vector."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tb_keras")
class MeanOfWords(keras.layers.Layer):
    """A layer that gives the mean of a text's word vectors, or zeros if no word counts.

    Call arguments:
        vectors: float `(batch, words, dim)`.
        mask: bool `(batch, words)`, True for the words that count.

    Returns:
        Float `(batch, dim)`.

    Examples:
        >>> vectors = ops.array([[[1.0, 2.0], [3.0, 4.0], [9.0, 9.0]]])
        >>> MeanOfWords()(vectors, mask=ops.array([[True, True, False]])).numpy()
        array([[2., 3.]], dtype=float32)
    """

    def call(self, vectors, mask):
        counted = ops.cast(mask, vectors.dtype)[:, :, None]
        return ops.sum(vectors * counted, axis=1) / ops.maximum(ops.sum(counted, axis=1), 1)

    def compute_mask(self, vectors, mask=None):
        return None

    def compute_output_shape(self, vectors_shape):
        return (vectors_shape[0], vectors_shape[-1])


@keras.saving.register_keras_serializable(package="tb_keras")
class AttendedMean(keras.layers.Layer):
    """A layer that gives a weighted mean of a text's word vectors, or zeros if no word counts.

    The weights are the softmax of w₂ᵀ tanh(W₁ x) over the words.

    Args:
        units: rows of W₁.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        vectors: float `(batch, words, dim)`.
        mask: bool `(batch, words)`, True for the words that count.

    Returns:
        Float `(batch, dim)`.

    Reference:
        Lin, Feng, dos Santos, Yu, Xiang, Zhou and Bengio, *A Structured Self-Attentive Sentence
        Embedding*, ICLR 2017, with one row of attention.

    Examples:
        >>> vectors = ops.ones((2, 3, 4))
        >>> mask = ops.array([[True, True, False], [False, False, False]])
        >>> AttendedMean(5)(vectors, mask=mask).numpy().round(3)
        array([[1., 1., 1., 1.],
               [0., 0., 0., 0.]], dtype=float32)
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = keras.layers.Dense(
            units, activation="tanh", use_bias=False, name="hidden", dtype=self.dtype_policy
        )
        self.score = keras.layers.Dense(1, use_bias=False, name="score", dtype=self.dtype_policy)

    def build(self, vectors_shape):
        self.hidden.build(vectors_shape)
        self.score.build((*vectors_shape[:-1], self.units))

    def call(self, vectors, mask):
        scores = ops.cast(self.score(self.hidden(vectors)), "float32")
        counted = ops.cast(mask, "float32")[:, :, None]
        # Not -inf: if no word counts, -inf - -inf would be NaN.
        scores = ops.where(counted > 0, scores, -1e9)
        shares = ops.exp(scores - ops.max(scores, axis=1, keepdims=True)) * counted
        weights = shares / ops.maximum(ops.sum(shares, axis=1, keepdims=True), 1)
        return ops.sum(vectors * ops.cast(weights, vectors.dtype), axis=1)

    def compute_mask(self, vectors, mask=None):
        return None

    def compute_output_shape(self, vectors_shape):
        return (vectors_shape[0], vectors_shape[-1])

    def get_config(self) -> dict:
        return {**super().get_config(), "units": self.units}
