"""Likeness of each row to fixed landmarks, by a radial basis function."""

from __future__ import annotations

import keras
from keras import ops

from tb_keras.networks.l2_normalization import L2Normalization


@keras.saving.register_keras_serializable(package="tb_keras")
class RadialBasis(keras.layers.Layer):
    """Gives exp(-γ·‖x - l‖²) for each landmark l, with x scaled to unit length, in float32.

    What comes of these may be sums of thousands of them with either sign: hence float32 under every
    dtype policy. Both weights are fixed, and zero until they are set.

    Args:
        landmarks: how many, positive.

    Attributes:
        landmarks: weight, float32 `(landmarks, dim)`, rows of unit length.
        gamma: weight, float32 scalar, positive: how fast likeness falls.

    Reference:
        Schölkopf and Smola, *Learning with Kernels*, MIT Press 2002, section 2.3.

    Examples:
        >>> import numpy as np
        >>> layer = RadialBasis(2)
        >>> layer.build((None, 2))
        >>> layer.set_weights([np.eye(2), np.float32(0.5)])
        >>> layer(np.array([[3.0, 0.0]], "float32")).numpy().round(4)  # 1 and exp(-1)
        array([[1.    , 0.3679]], dtype=float32)
    """

    def __init__(self, landmarks: int, **kwargs):
        super().__init__(**{"trainable": False, "dtype": "float32", **kwargs})
        self.count = landmarks
        self.to_unit_length = L2Normalization()

    def build(self, input_shape):
        shape = self.count, input_shape[-1]
        self.landmarks = self.add_weight(shape, "zeros", trainable=False, name="landmarks")
        self.gamma = self.add_weight((), "zeros", trainable=False, name="gamma")

    def call(self, inputs):
        cosines = ops.matmul(self.to_unit_length(inputs), ops.transpose(self.landmarks))
        return ops.exp(2.0 * self.gamma * (cosines - 1.0))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.count)

    def get_config(self) -> dict:
        return {**super().get_config(), "landmarks": self.count}
