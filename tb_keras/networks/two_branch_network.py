"""What both networks are: two branches, and a fusion that scores pairs of embeddings."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
from numpy.typing import ArrayLike

from tb_keras.networks.branch import build_branch
from tb_keras.networks.pair_scorer import PairScorer


class TwoBranchNetwork(PairScorer, keras.Model):
    """The part that `EmbeddingNetwork` and `SimilarityNetwork` share; not to be built by itself.

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.
        fusion: `keras.Model`, `{"image": (pairs, embedding_dim), "text": (pairs, embedding_dim)}`
            → scores `(pairs,)`.
        settings: the arguments that the network was built with, but for `dtype`.
    """

    image_branch: keras.Model
    text_branch: keras.Model
    fusion: keras.Model
    settings: dict

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

    def fuse(self, image_embeddings: ArrayLike, text_embeddings: ArrayLike) -> np.ndarray:
        """Scores pairs of embeddings, float32 `(pairs, embedding_dim)` each → `(pairs,)`."""
        return self.fusion.predict_on_batch({"image": image_embeddings, "text": text_embeddings})

    def get_config(self) -> dict:
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {"name": self.name, "trainable": self.trainable, "dtype": dtype, **self.settings}

    @classmethod
    def from_config(cls, config: dict) -> TwoBranchNetwork:
        return cls(**config)


def checked_settings(settings: Mapping[str, int | float]) -> dict[str, int | float]:
    """Returns the settings of two branches, with sizes as plain ints and the rest as floats.

    Args:
        settings: `image_dim`, `text_dim`, `hidden_dim`, `embedding_dim`, `dropout` and `noise`.

    Raises:
        ValueError: if a size is no positive int or `dropout` or `noise` is out of range.
    """
    sizes = {
        name: checked_size(name, size) for name, size in settings.items() if name.endswith("_dim")
    }
    if not 0 <= settings["dropout"] < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: {settings['dropout']}")
    if not settings["noise"] >= 0:
        raise ValueError(f"`noise` must be a non-negative float. Received: {settings['noise']}")
    shares = {name: float(settings[name]) for name in ("dropout", "noise")}
    return {**settings, **sizes, **shares}


def checked_size(argument: str, size: int) -> int:
    """Returns `size` as a plain int.

    Raises:
        ValueError: if it is no positive int.
    """
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"`{argument}` must be a positive int. Received: {size!r}")
    return int(size)


def build_branches(
    settings: Mapping[str, int | float], dtype: keras.DTypePolicy
) -> tuple[keras.Model, keras.Model]:
    """Returns the image branch and the text branch of `checked_settings`."""
    image, text = (
        build_branch(
            settings[f"{view}_dim"],
            settings["hidden_dim"],
            settings["embedding_dim"],
            settings["dropout"],
            f"{view}_branch",
            settings["noise"],
            dtype,
        )
        for view in ("image", "text")
    )
    return image, text


def _embedded(branch: keras.Model, features: ArrayLike, batch_size: int) -> np.ndarray:
    features = np.asanyarray(features)
    width = branch.input_shape[1]
    if features.ndim != 2 or features.shape[1] != width:
        argument = branch.name.replace("branch", "features")
        raise ValueError(
            f"`{argument}` must have shape (n, {width}). Received: shape={features.shape}"
        )
    embeddings = np.empty((len(features), *branch.output_shape[1:]), np.float32)
    for start in range(0, len(features), batch_size):
        rows = slice(start, start + batch_size)
        embeddings[rows] = branch.predict_on_batch(np.asarray(features[rows], np.float32))
    return embeddings
