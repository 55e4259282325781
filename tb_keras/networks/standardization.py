"""Features shifted and scaled by fixed statistics."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import ArrayLike

_BLOCK = 4096  # rows read at a time


@keras.saving.register_keras_serializable(package="tb_keras")
class Standardization(keras.layers.Layer):
    """Subtracts a mean and divides by a deviation; the identity until `adapt` sets them.

    Unlike `keras.layers.Normalization` it holds both as weights, which a function that is already
    traced sees change, and it does not blow up a dimension that hardly varies where it was adapted.

    Examples:
        >>> layer = Standardization()
        >>> layer.build((None, 2))
        >>> layer.adapt(np.array([[0.0, 10.0], [2.0, 30.0]]))
        >>> layer(np.array([[2.0, 30.0]], "float32")).numpy()
        array([[1., 1.]], dtype=float32)
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})

    def build(self, input_shape):
        size = input_shape[-1]
        self.mean = self.add_weight((size,), "zeros", trainable=False, name="mean")
        self.deviation = self.add_weight((size,), "ones", trainable=False, name="deviation")

    def adapt(self, features: ArrayLike) -> None:
        """Sets mean and standard deviation to those of `features`, float `(n, dim)`."""
        features = np.asanyarray(features)
        total = squares = np.zeros(features.shape[1])
        for start in range(0, len(features), _BLOCK):
            rows = np.asarray(features[start : start + _BLOCK], np.float64)
            total = total + rows.sum(axis=0)
            squares = squares + (rows * rows).sum(axis=0)
        mean = total / len(features)
        deviation = np.sqrt(np.maximum(squares / len(features) - mean * mean, 0.0))
        self.mean.assign(mean)
        self.deviation.assign(np.maximum(deviation, 0.01 * deviation.mean() + 1e-12))

    def call(self, inputs):
        return (inputs - self.mean) / self.deviation

    def compute_output_shape(self, input_shape):
        return input_shape
