"""A start of a branch by radial basis functions and a matrix."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from tb_keras.networks.l2_normalization import L2Normalization
from tb_keras.networks.starts.branch_start import BranchStart


@keras.saving.register_keras_serializable(package="tb_keras")
class KernelStart(BranchStart):
    """Maps features by radial basis functions of their standardised rows of unit length.

    With z the standardised features scaled to unit length, it returns (k(z) - centre) @ directions,
    where k(z) has exp(-γ·‖z - l‖²) for each landmark l.

    The sum over thousands of landmarks has terms of either sign, which would lose their digits in
    half precision. `tb_keras.training.canonical_starts` fits this start by canonical correlation
    analysis.

    Args:
        mean: float `(feature_dim,)`.
        deviation: float `(feature_dim,)`, positive.
        landmarks: float `(landmarks, feature_dim)`, standardised rows of unit length.
        gamma: positive float, how fast likeness falls with distance.
        centre: float `(landmarks,)`, the mean of k(z) over the training features.
        directions: float `(landmarks, size)`.
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
        ValueError: if an array has the wrong shape, or `gamma` or `scale` is not positive.

    Reference:
        Schölkopf and Smola, *Learning with Kernels*, MIT Press 2002, section 2.3.

    Examples:
        >>> start = KernelStart(
        ...     mean=np.zeros(2),
        ...     deviation=np.ones(2),
        ...     landmarks=np.eye(2),
        ...     gamma=0.5,
        ...     centre=np.zeros(2),
        ...     directions=np.eye(2),
        ... )
        >>> start(np.array([[3.0, 0.0]])).numpy().round(4)  # 1 and exp(-1)
        array([[1.    , 0.3679]], dtype=float32)
    """

    def __init__(
        self,
        mean: ArrayLike,
        deviation: ArrayLike,
        landmarks: ArrayLike,
        gamma: float,
        centre: ArrayLike,
        directions: ArrayLike,
        scale: float = 1.0,
        **kwargs,
    ):
        super().__init__(np.size(mean), np.shape(directions)[-1], scale, **kwargs)
        if not gamma > 0:
            raise ValueError(f"`gamma` must be a positive float. Received: gamma={gamma}")
        dim, count = (self.feature_dim,), np.shape(landmarks)[:1]
        self.gamma = float(gamma)
        self.to_unit_length = L2Normalization()
        self.mean = self.add_constant("mean", mean, dim)
        self.deviation = self.add_constant("deviation", deviation, dim)
        self.landmarks = self.add_constant("landmarks", landmarks, count + dim)
        self.centre = self.add_constant("centre", centre, count)
        self.directions = self.add_constant("directions", directions, (*count, self.size))

    def call(self, inputs):
        rows = self.to_unit_length((inputs - self.mean) / self.deviation)
        cosines = ops.matmul(rows, ops.transpose(self.landmarks))
        likeness = ops.exp(2.0 * self.gamma * (cosines - 1.0))
        return ops.matmul(likeness - self.centre, self.directions)

    def get_config(self) -> dict:
        count = self.landmarks.shape[0]
        return {**super().get_config(), "landmarks": count, "gamma": self.gamma}

    @classmethod
    def from_config(cls, config: dict) -> KernelStart:
        """Builds a start of the sizes in `config`; its constants are loaded as weights."""
        config = dict(config)
        dim, size, count = (config.pop(name) for name in ("feature_dim", "size", "landmarks"))
        return cls(
            mean=np.zeros(dim),
            deviation=np.ones(dim),
            landmarks=np.zeros((count, dim)),
            centre=np.zeros(count),
            directions=np.zeros((count, size)),
            **config,
        )
