"""What all starts of a branch have in common."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_int


class BranchStart(keras.layers.Layer):
    """A fixed map from a branch's raw features to the embedding space.

    The branch's trained layers take its output, and what they give is added to it. They begin by
    adding nothing. A subclass holds its constants as weights that are not trained and are saved
    with the network. It computes in float32 under every dtype policy.

    Args:
        feature_dim: size of the features.
        size: size of the output, which is that of the embedding.
        scale: positive float, the root of the mean square of the output over the training features.
            The branch's `noise` is measured in it.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, feature_dim: int, size: int, scale: float = 1.0, **kwargs):
        super().__init__(**{"trainable": False, "dtype": "float32", **kwargs})
        check_int("feature_dim", feature_dim, least=1)
        check_int("size", size, least=1)
        if not scale > 0:
            raise ValueError(f"`scale` must be a positive float. Received: scale={scale}")
        self.feature_dim, self.size, self.scale = int(feature_dim), int(size), float(scale)
        self.built = True

    def add_constant(self, name: str, values: ArrayLike, shape: tuple[int, ...]) -> keras.Variable:
        """Adds a weight that is not trained.

        Raises:
            ValueError: if `values` have another shape than `shape`.
        """
        values = np.asarray(values)
        if values.shape != shape:
            raise ValueError(f"`{name}` must have shape {shape}. Received: shape={values.shape}")
        weight = self.add_weight(shape, "zeros", trainable=False, name=name)
        weight.assign(values)
        return weight

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.size)

    def get_config(self) -> dict:
        sizes = {"feature_dim": self.feature_dim, "size": self.size, "scale": self.scale}
        return {**super().get_config(), **sizes}
