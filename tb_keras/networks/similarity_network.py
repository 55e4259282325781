"""The similarity network: two branches, fused by a product, to a score."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import keras

from tb_keras.checks.arguments import check_int
from tb_keras.networks.branch import build_branch
from tb_keras.networks.starts.branch_start import BranchStart
from tb_keras.networks.two_branch_network import TwoBranchNetwork, branch_inputs, checked_dim

# The logit of an untrained network with two starts is evens at a cosine of 0.3. Without an
# intercept the first epoch goes into learning one.
_SLOPE, _INTERCEPT = 10.0, -3.0


@keras.saving.register_keras_serializable(package="tb_keras")
class SimilarityNetwork(TwoBranchNetwork):
    """Scores how well an image and a text belong together, by regression.

    The two branches are those of the embedding network. An element-wise product fuses their outputs
    of unit length; Dense → BatchNorm → ReLU layers follow, and a Dense(1). The score is the logit
    of the probability that the two belong together. Like the embedding network it holds no loss.

    Args:
        image_dim: size of the image features.
        text_dim: size of the text features.
        hidden_dim: units of each branch's hidden layer. With 0 a branch is its start alone.
        embedding_dim: size of the branches' outputs; if None that of the starts, or 1024.
        joint_dims: units of the layers after the product.
        dropout: rate in [0, 1) after each branch's hidden layer.
        noise: standard deviation, in [0, 1], of Gaussian noise on the features while training, in
            units of their standardised spread or of the scale of the start.
        dtype: dtype policy of the layers; Keras's own if None. Scores are float32 under each.
        image_start: where the image branch starts, as in `EmbeddingNetwork`. With a start of each
            branch, the output of the layers after the product is added to a logit of the cosine and
            begins at zero. The scores of an untrained network then rise with the cosines.
        text_start: the same for the text branch.
        image_encoder: the first part of the image branch, as in `EmbeddingNetwork`.
        text_encoder: the first part of the text branch, as in `EmbeddingNetwork`.

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.
        fusion: `keras.Model`, `{"image": (pairs, embedding_dim), "text": (pairs, embedding_dim)}`
            → scores `(pairs,)`: all that comes after the branches.

    Call arguments:
        inputs: dict of `"image"`, float `(n, image_dim)`, and `"text"`, float `(n, text_dim)`.

    Returns:
        float32 `(n,)`, the score of each pair.

    Raises:
        ValueError: if a size, `dropout` or `noise` is out of range, or a start or an encoder does
            not fit.

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
        embedding_dim: int | None = None,
        joint_dims: Sequence[int] = (1024, 256),
        dropout: float = 0.5,
        noise: float = 0.0,
        dtype: str | keras.DTypePolicy | None = None,
        image_start: BranchStart | None = None,
        text_start: BranchStart | None = None,
        image_encoder: keras.Model | None = None,
        text_encoder: keras.Model | None = None,
        **kwargs,
    ):
        dim = checked_dim(embedding_dim, image_start, text_start, default=1024)
        for size in joint_dims:
            check_int("joint_dims", size, least=1)
        joint_dims = [int(size) for size in joint_dims]

        # === Layers ===
        branch = functools.partial(
            build_branch,
            hidden_dim=hidden_dim,
            embedding_dim=dim,
            dropout=dropout,
            noise=noise,
            dtype=dtype,
        )
        self.image_branch = branch("image", image_dim, image_start, image_encoder)
        self.text_branch = branch("text", text_dim, text_start, text_encoder)
        started = image_start is not None and text_start is not None
        self.fusion = _joint_layers(dim, joint_dims, dtype, started)

        # === Functional model ===
        inputs = branch_inputs(image=self.image_branch, text=self.text_branch)
        embeddings = {
            "image": self.image_branch(inputs["image"]),
            "text": self.text_branch(inputs["text"]),
        }
        super().__init__(inputs=inputs, outputs=self.fusion(embeddings), **kwargs)

        # === Config ===
        self.dtype_policy = keras.dtype_policies.get(dtype)
        self.image_dim, self.text_dim = int(image_dim), int(text_dim)
        self.hidden_dim, self.embedding_dim = int(hidden_dim), dim
        self.joint_dims = tuple(joint_dims)
        self.dropout, self.noise = float(dropout), float(noise)
        self.image_start, self.text_start = image_start, text_start
        self.image_encoder, self.text_encoder = image_encoder, text_encoder

    def get_config(self) -> dict:
        return {**super().get_config(), "joint_dims": list(self.joint_dims)}


def _joint_layers(
    embedding_dim: int,
    joint_dims: Sequence[int],
    dtype: str | keras.DTypePolicy | None,
    started: bool,
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
    initializer = "zeros" if started else "glorot_uniform"
    score = keras.layers.Dense(1, kernel_initializer=initializer, name="score", dtype="float32")(
        joint
    )
    if started:
        cosine = keras.ops.sum(product, axis=1, keepdims=True)
        logit = keras.layers.Dense(
            1,
            kernel_initializer=keras.initializers.Constant(_SLOPE),
            bias_initializer=keras.initializers.Constant(_INTERCEPT),
            name="cosine_score",
            dtype="float32",
        )(cosine)
        score = keras.layers.Add(name="shortcut", dtype="float32")([logit, score])
    return keras.Model(pair, keras.ops.squeeze(score, axis=1), name="fusion")
