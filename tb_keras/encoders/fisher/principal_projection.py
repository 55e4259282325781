"""The projection on principal components, in the graph."""

from __future__ import annotations

import keras
from keras import ops

from tb_keras.encoders.fisher.principal_components import Components


@keras.saving.register_keras_serializable(package="tb_keras")
class PrincipalProjection(keras.layers.Layer):
    """A layer that projects rows on principal components: (x − mean) · directions.

    A row of zeros, which stands for a text without a known word, stays zeros.

    Args:
        num_components: number of components.
        **kwargs: arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: float `(batch, dim)`.

    Returns:
        Float32 `(batch, num_components)`.

    Examples:
        >>> import numpy as np
        >>> components = Components(np.ones(2, "f"), np.eye(2, 1, dtype="f"), np.ones(1))
        >>> PrincipalProjection.of(components)(np.array([[3.0, 7.0], [0.0, 0.0]], "f")).numpy()
        array([[2.],
               [0.]], dtype=float32)
    """

    def __init__(self, num_components: int, **kwargs):
        super().__init__(**{"dtype": "float32", "trainable": False, **kwargs})
        self.num_components = num_components

    @classmethod
    def of(cls, components: Components, **kwargs) -> PrincipalProjection:
        """Returns the layer of some components; `kwargs` are further arguments of the layer."""
        layer = cls(components.directions.shape[1], **kwargs)
        layer.build((None, len(components.mean)))
        layer.mean.assign(components.mean)
        layer.directions.assign(components.directions)
        return layer

    def build(self, input_shape):
        dim = input_shape[-1]
        self.mean = self.add_weight((dim,), "zeros", trainable=False, name="mean")
        self.directions = self.add_weight(
            (dim, self.num_components), "zeros", trainable=False, name="directions"
        )

    def call(self, inputs):
        projected = ops.matmul(inputs - self.mean, self.directions)
        return ops.where(ops.any(inputs != 0, axis=-1, keepdims=True), projected, 0.0)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.num_components)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_components": self.num_components}
