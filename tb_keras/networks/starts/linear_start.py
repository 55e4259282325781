"""A start of a branch by a matrix."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from tb_keras.networks.starts.branch_start import BranchStart


@keras.saving.register_keras_serializable(package="tb_keras")
class LinearStart(BranchStart):
    """Standardises features and multiplies them by a matrix: (x - mean) / deviation @ directions.

    `tb_keras.training.canonical_starts` fits it by canonical correlation analysis.

    Args:
        mean: float `(feature_dim,)`.
        deviation: float `(feature_dim,)`, positive.
        directions: float `(feature_dim, size)`.
        scale: positive float, the root of the mean square of the output over the training features.
            The branch's `noise` is measured in it.

    Attributes:
        feature_dim: size of the features.
        size: size of the output.

    Call arguments:
        inputs: float `(batch, feature_dim)`, raw features.

    Returns:
        float32 `(batch, size)`.

    Raises:
        ValueError: if an array has the wrong shape or `scale` is not positive.

    Examples:
        >>> start = LinearStart(mean=[1.0, 0.0], deviation=[2.0, 1.0], directions=np.eye(2))
        >>> start(np.array([[5.0, 3.0]])).numpy()
        array([[2., 3.]], dtype=float32)
    """

    def __init__(
        self,
        mean: ArrayLike,
        deviation: ArrayLike,
        directions: ArrayLike,
        scale: float = 1.0,
        **kwargs,
    ):
        super().__init__(np.size(mean), np.shape(directions)[-1], scale, **kwargs)
        dim = (self.feature_dim,)
        self.mean = self.add_constant("mean", mean, dim)
        self.deviation = self.add_constant("deviation", deviation, dim)
        self.directions = self.add_constant("directions", directions, (*dim, self.size))

    def call(self, inputs):
        return ops.matmul((inputs - self.mean) / self.deviation, self.directions)

    @classmethod
    def from_config(cls, config: dict) -> LinearStart:
        """Builds a start of the sizes in `config`; its constants are loaded as weights."""
        config = dict(config)
        dim, size = (config.pop(name) for name in ("feature_dim", "size"))
        return cls(np.zeros(dim), np.ones(dim), np.zeros((dim, size)), **config)
