"""A layer that shifts and scales features by fixed statistics."""

from __future__ import annotations

import keras
from numpy.typing import ArrayLike

from tb_keras.corpus.feature_statistics import mean_and_deviation


@keras.saving.register_keras_serializable(package="tb_keras")
class Standardization(keras.layers.Layer):
    """Subtracts a mean and divides by a deviation; the identity until `adapt` sets them.

    Unlike `keras.layers.Normalization` it holds both as weights, so that a function that is already
    traced sees them change, and a dimension that hardly varied when it was adapted is not blown up.

    Call arguments:
        inputs: float `(batch, dim)`.

    Returns:
        float32 `(batch, dim)`.

    Examples:
        >>> import numpy as np
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
        """Sets mean and standard deviation to those of features.

        Args:
            features: float `(n, dim)`; memory maps are read block by block.
        """
        mean, deviation = mean_and_deviation(features)
        self.mean.assign(mean)
        self.deviation.assign(deviation)

    def call(self, inputs):
        return (inputs - self.mean) / self.deviation

    def compute_output_shape(self, input_shape):
        return input_shape
