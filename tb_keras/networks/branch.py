"""One branch of a two-branch network: features in, embeddings of unit length out."""

from __future__ import annotations

import keras

from tb_keras.networks.l2_normalization import L2Normalization
from tb_keras.networks.radial_basis import RadialBasis
from tb_keras.networks.standardization import Standardization


def build_branch(
    feature_dim: int,
    hidden_dim: int,
    embedding_dim: int,
    dropout: float,
    name: str,
    noise: float = 0.0,
    dtype: str | keras.DTypePolicy | None = None,
    encoder: keras.Model | None = None,
    projected: bool = False,
    landmarks: int = 0,
) -> keras.Model:
    """Returns a branch: standardise → noise → Dense → BatchNorm → ReLU → Dropout → Dense → L2 norm.

    An encoder that is trained along stands before all of them. Its outputs move while it learns, so
    that statistics taken beforehand would not hold: a BatchNorm without scale and shift
    standardises them instead.

    A projected branch has a fixed map to the size of the embedding after `standardize`, linear or,
    with landmarks, a sum of radial basis functions; the layers stand on what that gives, and what
    they make of it is added to it before the L2 norm. They begin by adding nothing, so that
    training starts from the map: as in a residual network (He et al., CVPR 2016) whose identity it
    is.

    Args:
        feature_dim: size of the incoming feature vectors, or how many ints the encoder takes.
        hidden_dim: units of the hidden layer.
        embedding_dim: size of the embedding.
        dropout: rate in [0, 1) between the two dense layers.
        name: the model's name.
        noise: standard deviation of Gaussian noise on the standardised features while training.
        dtype: the layers' dtype policy; Keras's own if left out. The L2 norm is float32 under each.
        encoder: int32 `(batch, feature_dim)` → float `(batch, any size)`; it becomes a part of the
            branch, no copy is made.
        projected: whether it has the map; a linear one is the identity, cut to size, until set.
        landmarks: of the radial basis functions that the map is a sum of; 0 for a linear one.

    Returns:
        A functional model, float32, or with an encoder int32, `(batch, feature_dim)` → float32
        `(batch, embedding_dim)`.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.1.

    Examples:
        >>> build_branch(8, 16, 4, 0.5, name="image_branch").output_shape
        (None, 4)
    """
    features = keras.Input((feature_dim,), name="features", dtype="int32" if encoder else "float32")
    if encoder is None:
        standardized = Standardization(name="standardize")(features)
    else:
        # Encodings may be small: the usual epsilon of 1e-3 would hold them down.
        standardized = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-6, center=False, scale=False, name="encoder_norm", dtype=dtype
        )(encoder(features))
    if landmarks:
        standardized = RadialBasis(landmarks, name="radial_basis")(standardized)
    if projected:
        standardized = keras.layers.Dense(
            embedding_dim,
            use_bias=bool(landmarks),
            kernel_initializer="identity",
            trainable=False,
            name="projection",
            dtype="float32" if landmarks else dtype,  # see `RadialBasis`
        )(standardized)
    # Noise on the inputs is Tikhonov regularisation (Bishop, Neural Computation 7(1), 1995).
    noisy = keras.layers.GaussianNoise(noise, name="feature_noise", dtype=dtype)(standardized)
    hidden = keras.layers.Dense(hidden_dim, name="hidden", dtype=dtype)(noisy)
    # The released code keeps 10 % of the old average a step; 0.9 is the usual share to keep.
    norm = keras.layers.BatchNormalization(momentum=0.9, name="hidden_norm", dtype=dtype)
    hidden = keras.layers.ReLU(name="hidden_relu", dtype=dtype)(norm(hidden))
    hidden = keras.layers.Dropout(dropout, name="hidden_dropout", dtype=dtype)(hidden)
    start = "zeros" if projected else "glorot_uniform"
    output = keras.layers.Dense(
        embedding_dim, kernel_initializer=start, name="embedding", dtype=dtype
    )
    embedding = output(hidden)
    if projected:
        embedding = keras.layers.Add(name="shortcut", dtype=dtype)([noisy, embedding])
    embedding = L2Normalization(name="l2_norm")(embedding)
    return keras.Model(features, embedding, name=name)
