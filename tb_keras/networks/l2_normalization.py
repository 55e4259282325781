"""A layer that scales rows to unit length."""

from __future__ import annotations

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tb_keras")
class L2Normalization(keras.layers.Layer):
    """Scales each row to unit length: x · rsqrt(Σx² + ε), in float32 under every dtype policy.

    Unlike `keras.layers.UnitNormalization`, it has a finite gradient on a row of zeros under XLA,
    and its sum of squares does not overflow in float16.

    Args:
        epsilon: positive float, added to the squared length.

    Call arguments:
        inputs: float `(..., dim)`.

    Returns:
        float32 `(..., dim)`; rows of zeros stay zero.

    Examples:
        >>> L2Normalization()(keras.ops.array([[3.0, 4.0], [0.0, 0.0]])).numpy()
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)
    """

    def __init__(self, epsilon: float = 1e-12, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.epsilon = epsilon
        self.built = True

    def call(self, inputs):
        return inputs * ops.rsqrt(ops.sum(inputs * inputs, axis=-1, keepdims=True) + self.epsilon)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict:
        return {**super().get_config(), "epsilon": self.epsilon}
