"""The linear network: one matrix a branch, as canonical correlation analysis has it."""

from __future__ import annotations

import keras

from tb_keras.networks.branches import Branches, checked_size
from tb_keras.networks.embedding_network import EmbeddingNetwork, build_dot_product
from tb_keras.networks.l2_normalization import L2Normalization
from tb_keras.networks.standardization import Standardization
from tb_keras.networks.two_branch_network import TwoBranchNetwork


@keras.saving.register_keras_serializable(package="tb_keras")
class LinearNetwork(EmbeddingNetwork):
    """Maps image features and text features to embeddings of unit length by one matrix each.

    Each branch: standardise → Dense without bias → L2 norm. `tb_keras.training.train_cca` sets the
    matrices to the closed form of canonical correlation analysis; `attach_losses` trains them by
    the ranking loss instead. Otherwise it is an `EmbeddingNetwork`: the similarity is the dot
    product, and it is saved, evaluated, exported and searched with as one.

    Args:
        image_dim: size of the image features.
        text_dim: size of the text features.
        embedding_dim: size of the embeddings.
        dtype: dtype policy of the Dense layers; Keras's own if left out. It is saved with the
            network.

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.
        fusion: `keras.Model`, the dot product of pairs of embeddings.

    Raises:
        ValueError: if a size is no positive int.

    Examples:
        >>> import numpy as np
        >>> network = LinearNetwork(image_dim=6, text_dim=4, embedding_dim=5)
        >>> network.score_matrix(np.ones((2, 6)), np.ones((3, 4))).shape
        (2, 3)
    """

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        embedding_dim: int = 512,
        dtype: str | keras.DTypePolicy | None = None,
        **kwargs,
    ):
        sizes = {"image_dim": image_dim, "text_dim": text_dim, "embedding_dim": embedding_dim}
        settings = {name: checked_size(name, size) for name, size in sizes.items()}

        # Layers
        policy = keras.dtype_policies.get(dtype)
        inputs = {v: keras.Input((settings[f"{v}_dim"],), name=v) for v in ("image", "text")}
        branches = {
            v: _linear_branch(settings[f"{v}_dim"], settings["embedding_dim"], v, policy)
            for v in inputs
        }

        # Functional model: `EmbeddingNetwork` would build branches with a hidden layer.
        embeddings = {view: branches[view](inputs[view]) for view in inputs}
        TwoBranchNetwork.__init__(self, inputs=inputs, outputs=embeddings, **kwargs)

        # Config
        built = Branches(
            **branches,
            inputs=inputs,
            embeddings=embeddings,
            settings=settings,
            dtype=policy,
            text_encoder=None,
        )
        self.hold(built, build_dot_product(settings["embedding_dim"]))


def _linear_branch(
    feature_dim: int, embedding_dim: int, view: str, dtype: keras.DTypePolicy
) -> keras.Model:
    features = keras.Input((feature_dim,), name="features")
    standardized = Standardization(name="standardize")(features)
    dense = keras.layers.Dense(embedding_dim, use_bias=False, name="projection", dtype=dtype)
    embedding = L2Normalization(name="l2_norm")(dense(standardized))
    return keras.Model(features, embedding, name=f"{view}_branch")
