"""A start of a branch that leaves the features as they are."""

from __future__ import annotations

import keras

from tb_keras.networks.starts.branch_start import BranchStart


@keras.saving.register_keras_serializable(package="tb_keras")
class IdentityStart(BranchStart):
    """Returns the features as they are, neither centred nor scaled.

    It is for encoders that share a space, such as CLIP's. With it in both branches, the scores of
    an untrained network are the cosines of the encoders' own features.

    Args:
        feature_dim: size of the features, which is that of the embedding.
        scale: positive float, the root of the mean square of the training features. The branch's
            `noise` is measured in it.

    Attributes:
        feature_dim: size of the features.
        size: the same.

    Call arguments:
        inputs: float `(batch, feature_dim)`, raw features.

    Returns:
        float32 `(batch, feature_dim)`.

    Raises:
        ValueError: if `feature_dim` or `scale` is not positive.

    Reference:
        Radford et al., *Learning Transferable Visual Models From Natural Language Supervision*,
        ICML 2021 (arXiv 2103.00020), whose zero-shot scores they are.

    Examples:
        >>> import numpy as np
        >>> IdentityStart(2)(np.array([[5.0, 3.0]])).numpy()
        array([[5., 3.]], dtype=float32)
    """

    def __init__(self, feature_dim: int, scale: float = 1.0, **kwargs):
        super().__init__(feature_dim, feature_dim, scale, **kwargs)

    def call(self, inputs):
        return inputs

    @classmethod
    def from_config(cls, config: dict) -> IdentityStart:
        """Builds a start of the size in `config`."""
        return cls(**{name: value for name, value in config.items() if name != "size"})
