"""The embedding network: two branches into one space."""

from __future__ import annotations

import keras

from tb_keras.networks.branches import build_branches
from tb_keras.networks.two_branch_network import TwoBranchNetwork


@keras.saving.register_keras_serializable(package="tb_keras")
class EmbeddingNetwork(TwoBranchNetwork):
    """Maps image features and text features to embeddings of unit length in one space.

    The similarity of an image and a text is the dot product of their embeddings. The two branches
    share nothing. The network holds no loss: `tb_keras.training.attach_losses` builds the model to
    train, on the same weights. Called on `{"image": (n, image_dim), "text": (m, text_dim)}` it
    returns `{"image": (n, embedding_dim), "text": (m, embedding_dim)}`, float32; n and m may
    differ.

    Args:
        image_dim: size of the image features.
        text_dim: size of the text features.
        hidden_dim: units of each branch's hidden layer.
        embedding_dim: size of the embeddings.
        dropout: rate in [0, 1) after each hidden layer.
        noise: standard deviation, at least 0, of Gaussian noise on the features while training, in
            units of their standardised spread (see `standardize`). On few images, 1 did far more
            against overfitting than dropout.
        dtype: dtype policy of the layers, such as `"mixed_bfloat16"`; Keras's own if left out. It
            is saved with the network.
        text_encoder: a Keras model from word indices, int32 `(batch, text_dim)`, to vectors
            `(batch, any size)`, that becomes the first part of the text branch and is trained with
            it (no copy is made); see `tb_keras.encoders.word_encoder`. The texts' features are then
            word indices.
        projected: whether each branch has a fixed map into the embedding space, see
            `set_projection`, on which its layers stand and to which their output is added. They
            begin by adding nothing: an untrained network is that map, and training starts from
            there. On few images this did most for the figures.
        image_landmarks: of the radial basis functions (`RadialBasis`) that the projected image
            branch's map is a sum of; 0 for a linear map.
        text_landmarks: the same for the text branch.

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.
        fusion: `keras.Model`, the dot product of pairs of embeddings.

    Raises:
        ValueError: if a size is no positive int, `dropout` or `noise` is out of range,
            `text_encoder` takes or gives something else, or stands before a projected branch, or
            there are landmarks of one that is not projected.

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
        embedding_dim: int = 512,
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
        super().__init__(inputs=branches.inputs, outputs=branches.embeddings, **kwargs)
        self.hold(branches, build_dot_product(branches.settings["embedding_dim"]))


def build_dot_product(embedding_dim: int) -> keras.Model:
    """Returns the fusion of an embedding network: the dot product of pairs of embeddings."""
    pair = {name: keras.Input((embedding_dim,), name=name) for name in ("image", "text")}
    product = keras.layers.Multiply(dtype="float32", name="product")(list(pair.values()))
    return keras.Model(pair, keras.ops.sum(product, axis=1), name="fusion")
