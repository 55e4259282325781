"""A start of a branch by two starts side by side."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from tb_keras.networks.l2_normalization import L2Normalization
from tb_keras.networks.starts.branch_start import BranchStart


@keras.saving.register_keras_serializable(package="tb_keras")
class JoinedStart(BranchStart):
    """Joins two starts so that their cosines are averaged.

    The output of each is scaled to unit length, multiplied by the root of its weight, and the two
    are concatenated. With such a start of equal weight in both branches, the scores of an untrained
    network are `(1 - weight) * first + weight * second`, where `first` and `second` are the cosines
    that each start gives alone. Its scale follows from its size, since its rows have unit length.

    Args:
        first: a start.
        second: another start from the same features.
        weight: float in [0, 1], that of the second start.

    Attributes:
        feature_dim: size of the features.
        size: sum of the sizes of both.

    Call arguments:
        inputs: float `(batch, feature_dim)`, raw features.

    Returns:
        float32 `(batch, size)`, rows of unit length.

    Raises:
        ValueError: if the starts take features of different sizes, or `weight` is out of range.

    Examples:
        >>> import numpy as np
        >>> from tb_keras.networks import IdentityStart, LinearStart
        >>> matrix = LinearStart(mean=[0.0, 0.0], deviation=[1.0, 1.0], directions=[[1.0], [0.0]])
        >>> start = JoinedStart(IdentityStart(2), matrix, weight=0.36)
        >>> start(np.array([[3.0, 4.0]])).numpy().round(2)
        array([[0.48, 0.64, 0.6 ]], dtype=float32)
    """

    def __init__(self, first: BranchStart, second: BranchStart, weight: float, **kwargs: Any):
        if first.feature_dim != second.feature_dim:
            raise ValueError(
                f"`second` must take {first.feature_dim} features, as `first` does. "
                f"Received: a start from {second.feature_dim} features"
            )
        if not 0 <= weight <= 1:
            raise ValueError(f"`weight` must be in [0, 1]. Received: weight={weight}")
        size = first.size + second.size
        super().__init__(first.feature_dim, size, size**-0.5, **kwargs)
        self.first, self.second, self.weight = first, second, float(weight)
        self.to_unit_length = L2Normalization()

    def call(self, inputs):
        parts = (self.first, 1.0 - self.weight), (self.second, self.weight)
        return ops.concatenate(
            [self.to_unit_length(start(inputs)) * share**0.5 for start, share in parts], axis=-1
        )

    def get_config(self) -> dict:
        parts = {"first": self.first, "second": self.second}
        serialized = {
            name: keras.saving.serialize_keras_object(start) for name, start in parts.items()
        }
        return {**super().get_config(), **serialized, "weight": self.weight}

    @classmethod
    def from_config(cls, config: dict) -> JoinedStart:
        """Builds both starts of the sizes in `config`; their constants are loaded as weights."""
        derived = ("feature_dim", "size", "scale")
        config = {name: value for name, value in config.items() if name not in derived}
        for name in ("first", "second"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)
