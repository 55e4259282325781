"""The embedding network: two branches into one space."""

from __future__ import annotations

import functools

import keras

from tb_keras.networks.branch import build_branch
from tb_keras.networks.starts.branch_start import BranchStart
from tb_keras.networks.two_branch_network import TwoBranchNetwork, branch_inputs, checked_dim


@keras.saving.register_keras_serializable(package="tb_keras")
class EmbeddingNetwork(TwoBranchNetwork):
    """Maps image features and text features to embeddings of unit length in one space.

    The similarity of an image and a text is the dot product of their embeddings. The two branches
    share nothing. The network holds no loss: `tb_keras.training.attach_losses` builds the model to
    train, on the same weights.

    Args:
        image_dim: size of the image features.
        text_dim: size of the text features.
        hidden_dim: units of each branch's hidden layer. With 0 a branch is its start alone.
        embedding_dim: size of the embeddings; if None that of the starts, or 512.
        dropout: rate in [0, 1) after each hidden layer.
        noise: standard deviation, in [0, 1], of Gaussian noise on the features while training, in
            units of their standardised spread (see `standardize`) or of the scale of the start.
        dtype: dtype policy of the layers, such as `"mixed_bfloat16"`; Keras's own if None. It is
            saved with the network.
        image_start: where the image branch starts, such as a `LinearStart` or a `KernelStart`. The
            branch's layers take what it gives and begin by adding nothing to it, so an untrained
            branch is its start. `tb_keras.training.canonical_starts` fits one for each branch.
            None for random weights.
        text_start: the same for the text branch.
        image_encoder: a Keras model from rows `(batch, image_dim)` to vectors `(batch, any size)`,
            such as the upper part of an image encoder. It becomes the first part of the image
            branch, before its start, and is trained with it; no copy is made.
        text_encoder: the same for the texts. `tb_keras.encoders.word_encoder` returns one from word
            indices, int32 `(batch, text_dim)`.

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.
        fusion: `keras.Model`, the dot product of pairs of embeddings.

    Call arguments:
        inputs: dict of `"image"`, float `(n, image_dim)`, and `"text"`, float `(m, text_dim)`.

    Returns:
        A dict of `"image"`, float32 `(n, embedding_dim)`, and `"text"`, `(m, embedding_dim)`.

    Raises:
        ValueError: if a size, `dropout` or `noise` is out of range, or a start or an encoder does
            not fit.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.1 (arXiv 1704.03470).

    Examples:
        >>> import numpy as np
        >>> network = EmbeddingNetwork(image_dim=6, text_dim=4, hidden_dim=8, embedding_dim=5)
        >>> network.image_branch(np.ones((2, 6), "float32")).shape
        TensorShape([2, 5])
        >>> network.score_matrix(np.ones((2, 6)), np.ones((3, 4))).shape
        (2, 3)
    """

    def __init__(
        self,
        image_dim: int,
        text_dim: int,
        hidden_dim: int = 2048,
        embedding_dim: int | None = None,
        dropout: float = 0.5,
        noise: float = 0.0,
        dtype: str | keras.DTypePolicy | None = None,
        image_start: BranchStart | None = None,
        text_start: BranchStart | None = None,
        image_encoder: keras.Model | None = None,
        text_encoder: keras.Model | None = None,
        **kwargs,
    ):
        dim = checked_dim(embedding_dim, image_start, text_start, default=512)

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
        self.fusion = _dot_product(dim)

        # === Functional model ===
        inputs = branch_inputs(image=self.image_branch, text=self.text_branch)
        embeddings = {
            "image": self.image_branch(inputs["image"]),
            "text": self.text_branch(inputs["text"]),
        }
        super().__init__(inputs=inputs, outputs=embeddings, **kwargs)

        # === Config ===
        self.dtype_policy = keras.dtype_policies.get(dtype)
        self.image_dim, self.text_dim = int(image_dim), int(text_dim)
        self.hidden_dim, self.embedding_dim = int(hidden_dim), dim
        self.dropout, self.noise = float(dropout), float(noise)
        self.image_start, self.text_start = image_start, text_start
        self.image_encoder, self.text_encoder = image_encoder, text_encoder


def _dot_product(embedding_dim: int) -> keras.Model:
    pair = {name: keras.Input((embedding_dim,), name=name) for name in ("image", "text")}
    product = keras.layers.Multiply(dtype="float32", name="product")(list(pair.values()))
    return keras.Model(pair, keras.ops.sum(product, axis=1), name="fusion")
