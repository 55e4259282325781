"""One branch of a two-branch network: features in, embeddings of unit length out."""

from __future__ import annotations

import keras

from tb_keras.checks.arguments import check_int
from tb_keras.networks.batch_noise import BatchDropout, BatchNoise
from tb_keras.networks.l2_normalization import L2Normalization
from tb_keras.networks.standardization import Standardization
from tb_keras.networks.starts.branch_start import BranchStart


def build_branch(
    view: str,
    feature_dim: int,
    start: BranchStart | None = None,
    encoder: keras.Model | None = None,
    *,
    hidden_dim: int,
    embedding_dim: int,
    dropout: float,
    noise: float,
    dtype: str | keras.DTypePolicy | None = None,
) -> keras.Model:
    """Returns a branch: first part → noise → Dense → BatchNorm → ReLU → Dropout → Dense → L2 norm.

    The first part standardises the features, unless it is

    - an encoder, which is trained along. Its outputs move while it learns, so a BatchNorm without
      scale and shift standardises them.
    - a start, after the encoder if there is one. Its output, divided by its scale, is also added to
      that of the last Dense layer, which begins at zero, as in a residual network (He et al., CVPR
      2016). With `hidden_dim=0` the branch is the start alone.

    Args:
        view: "image" or "text"; names the branch and its arguments in errors.
        feature_dim: size of the features, or of the rows that the encoder takes.
        start: a start from the features, or from what the encoder gives.
        encoder: int32 or float `(batch, feature_dim)` → float `(batch, any size)`. It becomes a
            part of the branch; no copy is made.
        hidden_dim: units of the hidden layer.
        embedding_dim: size of the embedding.
        dropout: rate in [0, 1) between the two Dense layers.
        noise: standard deviation in [0, 1] of Gaussian noise while training, on the standardised
            features or, in units of its scale, on what the start gives.
        dtype: dtype policy of the layers; Keras's own if None. Starts and the L2 norm are float32.

    Returns:
        A functional model, float32 (or what the encoder takes) `(batch, feature_dim)` → float32
        `(batch, embedding_dim)`.

    Raises:
        ValueError: if a size, `dropout` or `noise` is out of range, or the start or the encoder
            does not fit.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.1.

    Examples:
        >>> sizes = {"hidden_dim": 8, "embedding_dim": 4, "dropout": 0.5, "noise": 0.0}
        >>> build_branch("image", 6, **sizes).output_shape
        (None, 4)
    """
    check_int(f"{view}_dim", feature_dim, least=1)
    check_int("hidden_dim", hidden_dim, least=1 if start is None else 0)
    feature_dim, hidden_dim = int(feature_dim), int(hidden_dim)  # Keras refuses some NumPy ints
    if not 0 <= dropout < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: dropout={dropout}")
    if not 0 <= noise <= 1:
        raise ValueError(f"`noise` must be in [0, 1]. Received: noise={noise}")
    taken = "float32"
    if encoder is not None:
        _check_encoder(view, encoder, feature_dim)
        taken = encoder.input.dtype
    features = keras.Input((feature_dim,), name="features", dtype=taken)
    given = features if encoder is None else encoder(features)
    if start is not None:
        _check_start(view, start, given.shape[1])
        given = start(given)
    elif encoder is not None:
        # Encodings may be small: the usual epsilon of 1e-3 would hold them down.
        norm = keras.layers.BatchNormalization(
            momentum=0.9, epsilon=1e-6, center=False, scale=False, name="encoder_norm", dtype=dtype
        )
        given = norm(given)
    else:
        given = Standardization(name="standardize")(given)
    embedding = given
    if hidden_dim:
        if start is not None:
            unit = keras.layers.Rescaling(1.0 / start.scale, name="unit_scale", dtype="float32")
            given = unit(given)
        # Noise on the inputs is Tikhonov regularisation (Bishop, Neural Computation 7(1), 1995).
        noisy = BatchNoise(noise, name="feature_noise", dtype=dtype)(given)
        hidden = keras.layers.Dense(hidden_dim, name="hidden", dtype=dtype)(noisy)
        # The released code keeps 10 % of the old average a step; 0.9 is the usual share to keep.
        norm = keras.layers.BatchNormalization(momentum=0.9, name="hidden_norm", dtype=dtype)
        hidden = keras.layers.ReLU(name="hidden_relu", dtype=dtype)(norm(hidden))
        hidden = BatchDropout(dropout, name="hidden_dropout", dtype=dtype)(hidden)
        initializer = "glorot_uniform" if start is None else "zeros"
        embedding = keras.layers.Dense(
            embedding_dim, kernel_initializer=initializer, name="embedding", dtype=dtype
        )(hidden)
        if start is not None:
            embedding = keras.layers.Add(name="shortcut", dtype=dtype)([noisy, embedding])
    return keras.Model(features, L2Normalization(name="l2_norm")(embedding), name=f"{view}_branch")


def _check_start(view: str, start: BranchStart, feature_dim: int) -> None:
    if start.feature_dim != feature_dim:
        raise ValueError(
            f"`{view}_start` must take {feature_dim} features, those of the {view}s. "
            f"Received: a start from {start.feature_dim} features"
        )


def _check_encoder(view: str, encoder: keras.Model, feature_dim: int) -> None:
    taken, given = encoder.input_shape, encoder.output_shape
    if len(taken) != 2 or taken[1] not in (None, feature_dim) or len(given) != 2 or not given[1]:
        raise ValueError(
            f"`{view}_encoder` must take rows (batch, {feature_dim}), as `{view}_dim` says, and "
            f"give vectors (batch, dim). Received: a model from {taken} to {given}"
        )
