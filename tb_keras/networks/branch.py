"""One branch of a two-branch network: features in, embeddings of unit length out."""

from __future__ import annotations

import keras

from tb_keras.networks.l2_normalization import L2Normalization


def build_branch(
    feature_dim: int, hidden_dim: int, embedding_dim: int, dropout: float, name: str
) -> keras.Model:
    """Returns Dense → BatchNorm → ReLU → Dropout → Dense → L2 norm as a model of its own.

    Args:
        feature_dim: size of the incoming feature vectors.
        hidden_dim: units of the hidden layer.
        embedding_dim: size of the embedding.
        dropout: rate in [0, 1) between the two dense layers.
        name: the model's name.

    Returns:
        A functional model, `(batch, feature_dim)` → float32 `(batch, embedding_dim)`.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.1.

    Example:

    >>> build_branch(8, 16, 4, 0.5, name="image_branch").output_shape
    (None, 4)
    """
    features = keras.Input((feature_dim,), name="features")
    hidden = keras.layers.Dense(hidden_dim, name="hidden")(features)
    # The released code keeps 10 % of the old average a step; 0.9 is the usual share to keep.
    hidden = keras.layers.BatchNormalization(momentum=0.9, name="hidden_norm")(hidden)
    hidden = keras.layers.ReLU(name="hidden_relu")(hidden)
    hidden = keras.layers.Dropout(dropout, name="hidden_dropout")(hidden)
    embedding = keras.layers.Dense(embedding_dim, name="embedding")(hidden)
    embedding = L2Normalization(name="l2_norm")(embedding)
    return keras.Model(features, embedding, name=name)
