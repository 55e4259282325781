"""The similarity network: two branches, fused by a product, to a score."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from tb_keras.networks.branches import build_branches, checked_size
from tb_keras.networks.two_branch_network import TwoBranchNetwork

# Of a projected network's logit in the cosine, before training: evens at 0.3. On held-out pictures
# slopes of 20 and 30 gave the same figures; without an intercept the first epoch went into one.
_START_SLOPE, _START_INTERCEPT = 10.0, -3.0


@keras.saving.register_keras_serializable(package="tb_keras")
class SimilarityNetwork(TwoBranchNetwork):
    """Scores how well an image and a text belong together, by regression.

    The two branches of the embedding network (their outputs of unit length) are fused by an
    element-wise product; Dense → BatchNorm → ReLU layers follow, and a Dense(1). The score is the
    logit of the probability that the two belong together. Called on `{"image": (n, image_dim),
    "text": (n, text_dim)}` it returns scores `(n,)`, float32, one for each pair. Like the embedding
    network it holds no loss.

    Args:
        image_dim: size of the image features.
        text_dim: size of the text features.
        hidden_dim: units of each branch's hidden layer.
        embedding_dim: size of the branches' outputs.
        joint_dims: units of the layers after the product.
        dropout: rate in [0, 1) after each branch's hidden layer.
        noise: standard deviation, at least 0, of Gaussian noise on the standardised features while
            training.
        dtype: dtype policy of the layers; Keras's own if left out. Scores are float32 under each.
        text_encoder: a Keras model from word indices, int32 `(batch, text_dim)`, to vectors
            `(batch, any size)`, that becomes the first part of the text branch and is trained with
            it (no copy is made); see `tb_keras.encoders.word_encoder`. The texts' features are then
            word indices.
        projected: whether each branch has a fixed map, as in `EmbeddingNetwork`, and the score is
            that of the layers after the product added to a logit of the cosine alone. All layers
            begin by adding nothing, so that the scores of an untrained network rise with the
            cosines of these maps.
        image_landmarks: of the projected image branch, as in `EmbeddingNetwork`.
        text_landmarks: the same for the text branch.

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.
        fusion: `keras.Model`, `{"image": (pairs, embedding_dim), "text": (pairs, embedding_dim)}`
            → scores `(pairs,)`: all that comes after the branches.

    Raises:
        ValueError: if a size is no positive int, `dropout` or `noise` is out of range,
            `text_encoder` takes or gives something else, or stands before a projected branch, or
            there are landmarks of one that is not projected.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.3 (arXiv 1704.03470). The sizes
        are those of the authors' released successor.

    Examples:
        >>> import numpy as np
        >>> network = SimilarityNetwork(
        ...     image_dim=6, text_dim=4, hidden_dim=8, embedding_dim=5, joint_dims=(7, 3)
        ... )
        >>> network.score(np.ones((2, 6)), np.ones((2, 4))).shape
        (2,)
        >>> network.score_matrix(np.ones((2, 6)), np.ones((3, 4))).shape
        (2, 3)
    """

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        hidden_dim: int = 1024,
        embedding_dim: int = 1024,
        joint_dims: Sequence[int] = (1024, 256),
        dropout: float = 0.5,
        noise: float = 0.0,
        dtype: str | keras.DTypePolicy | None = None,
        text_encoder: keras.Model | None = None,
        projected: bool = False,
        image_landmarks: int = 0,
        text_landmarks: int = 0,
        **kwargs,
    ):
        settings = {
            "image_dim": image_dim,
            "text_dim": text_dim,
            "hidden_dim": hidden_dim,
            "embedding_dim": embedding_dim,
            "dropout": dropout,
            "noise": noise,
            "projected": projected,
            "image_landmarks": image_landmarks,
            "text_landmarks": text_landmarks,
        }
        branches = build_branches(settings, dtype, text_encoder)
        joint_dims = [checked_size("joint_dims", size) for size in joint_dims]
        branches.settings["joint_dims"] = joint_dims
        fusion = _build_fusion(
            branches.settings["embedding_dim"], joint_dims, branches.dtype, projected
        )
        super().__init__(inputs=branches.inputs, outputs=fusion(branches.embeddings), **kwargs)
        self.hold(branches, fusion)


def _build_fusion(
    embedding_dim: int, joint_dims: Sequence[int], dtype: keras.DTypePolicy, projected: bool
) -> keras.Model:
    pair = {name: keras.Input((embedding_dim,), name=name) for name in ("image", "text")}
    product = keras.layers.Multiply(dtype="float32", name="product")(list(pair.values()))
    # The entries of two unit vectors' product are of the size 1 / dim: scaled back to about 1, they
    # do not drown in the epsilon of the batch norm.
    joint = keras.layers.Rescaling(embedding_dim, dtype="float32", name="scaled_product")(product)
    for number, size in enumerate(joint_dims, start=1):
        joint = keras.layers.Dense(size, name=f"joint_{number}", dtype=dtype)(joint)
        norm = keras.layers.BatchNormalization(
            momentum=0.9, name=f"joint_{number}_norm", dtype=dtype
        )
        joint = keras.layers.ReLU(name=f"joint_{number}_relu", dtype=dtype)(norm(joint))
    start = "zeros" if projected else "glorot_uniform"
    score = keras.layers.Dense(1, kernel_initializer=start, name="score", dtype="float32")(joint)
    if projected:
        cosine = keras.ops.sum(product, axis=1, keepdims=True)
        logit = keras.layers.Dense(
            1,
            kernel_initializer=keras.initializers.Constant(_START_SLOPE),
            bias_initializer=keras.initializers.Constant(_START_INTERCEPT),
            name="cosine_score",
            dtype="float32",
        )(cosine)
        score = keras.layers.Add(name="shortcut", dtype="float32")([logit, score])
    return keras.Model(pair, keras.ops.squeeze(score, axis=1), name="fusion")
