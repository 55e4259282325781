"""The embedding network: two branches into one space."""

from __future__ import annotations

import keras
import numpy as np
from numpy.typing import ArrayLike

from tb_keras.networks.branch import build_branch


@keras.saving.register_keras_serializable(package="tb_keras")
class EmbeddingNetwork(keras.Model):
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

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.

    Raises:
        ValueError: if a size is no positive int or `dropout` or `noise` is out of range.

    Reference:
        Wang, Li, Huang and Lazebnik, TPAMI 41(2), 2019, section 3.1 (arXiv 1704.03470).

    Example:

    >>> import numpy as np
    >>> network = EmbeddingNetwork(image_dim=6, text_dim=4, hidden_dim=8, embedding_dim=5)
    >>> network.image_branch(np.ones((2, 6), "float32")).shape
    TensorShape([2, 5])
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
        **kwargs,
    ):
        sizes = {
            "image_dim": image_dim,
            "text_dim": text_dim,
            "hidden_dim": hidden_dim,
            "embedding_dim": embedding_dim,
        }
        for argument, size in sizes.items():
            if not isinstance(size, (int, np.integer)) or size < 1:
                raise ValueError(f"`{argument}` must be a positive int. Received: {size!r}")
            sizes[argument] = int(size)
        image_dim, text_dim, hidden_dim, embedding_dim = sizes.values()
        if not 0 <= dropout < 1:
            raise ValueError(f"`dropout` must be in [0, 1). Received: {dropout}")
        if not noise >= 0:
            raise ValueError(f"`noise` must be a non-negative float. Received: {noise}")

        # Layers
        policy = keras.dtype_policies.get(dtype)
        settings = (hidden_dim, embedding_dim, dropout)
        image_branch = build_branch(image_dim, *settings, "image_branch", noise, policy)
        text_branch = build_branch(text_dim, *settings, "text_branch", noise, policy)

        # Functional model
        image = keras.Input((image_dim,), name="image")
        text = keras.Input((text_dim,), name="text")
        super().__init__(
            inputs={"image": image, "text": text},
            outputs={"image": image_branch(image), "text": text_branch(text)},
            **kwargs,
        )

        # Config
        self.dtype_policy = policy
        self.image_branch = image_branch
        self.text_branch = text_branch
        self.settings = {**sizes, "dropout": dropout, "noise": noise}

    def standardize(self, image_features: ArrayLike, text_features: ArrayLike) -> None:
        """Sets both branches to standardise their features by the statistics of these ones.

        To be called before training; it speeds up the learning from features whose dimensions have
        different spreads. It adds no trainable weight, and is saved with the network.

        Args:
            image_features: float `(n, image_dim)`, those of the training images.
            text_features: float `(m, text_dim)`, those of the training texts.
        """
        self.image_branch.get_layer("standardize").adapt(image_features)
        self.text_branch.get_layer("standardize").adapt(text_features)

    def embed_images(self, features: ArrayLike, batch_size: int = 1024) -> np.ndarray:
        """Embeds image features, batch by batch; they may be a memory map of any float type.

        Args:
            features: float `(n, image_dim)`.
            batch_size: rows at a time.

        Returns:
            float32 `(n, embedding_dim)`, rows of unit length.
        """
        return _embedded(self.image_branch, features, batch_size)

    def embed_texts(self, features: ArrayLike, batch_size: int = 1024) -> np.ndarray:
        """As `embed_images`, for text features: `(m, text_dim)` → float32 `(m, embedding_dim)`."""
        return _embedded(self.text_branch, features, batch_size)

    def get_config(self) -> dict:
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {"name": self.name, "trainable": self.trainable, "dtype": dtype, **self.settings}

    @classmethod
    def from_config(cls, config: dict) -> EmbeddingNetwork:
        return cls(**config)


def _embedded(branch: keras.Model, features: ArrayLike, batch_size: int) -> np.ndarray:
    features = np.asanyarray(features)
    embeddings = np.empty((len(features), *branch.output_shape[1:]), np.float32)
    for start in range(0, len(features), batch_size):
        rows = slice(start, start + batch_size)
        embeddings[rows] = branch.predict_on_batch(np.asarray(features[rows], np.float32))
    return embeddings
