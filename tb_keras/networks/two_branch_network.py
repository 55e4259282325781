"""The base of both networks: two branches, and a fusion that scores pairs of embeddings."""

from __future__ import annotations

import copy

import keras
import numpy as np
from numpy.typing import ArrayLike

from tb_keras.checks.arguments import check_int
from tb_keras.networks.pair_scorer import PairScorer
from tb_keras.networks.standardization import Standardization
from tb_keras.networks.starts.branch_start import BranchStart

_VALUES = 2**24  # that go through a branch at a time, at the most
_SETTINGS = ("image_dim", "text_dim", "hidden_dim", "embedding_dim", "dropout", "noise")
_PARTS = ("image_start", "text_start", "image_encoder", "text_encoder")


class TwoBranchNetwork(PairScorer, keras.Model):
    """The base class of `EmbeddingNetwork` and `SimilarityNetwork`.

    A network has each of its arguments as an attribute of the same name.

    Attributes:
        image_branch: `keras.Model`, `(batch, image_dim)` → `(batch, embedding_dim)`.
        text_branch: `keras.Model`, `(batch, text_dim)` → `(batch, embedding_dim)`.
        fusion: `keras.Model`, `{"image": (pairs, embedding_dim), "text": (pairs, embedding_dim)}`
            → scores `(pairs,)`.
    """

    image_branch: keras.Model
    text_branch: keras.Model
    fusion: keras.Model
    image_start: BranchStart | None
    text_start: BranchStart | None
    image_encoder: keras.Model | None
    text_encoder: keras.Model | None
    embedding_dim: int

    def standardize(self, image_features: ArrayLike, text_features: ArrayLike) -> None:
        """Sets the branches to standardise their features by the statistics of these ones.

        Call it before training. It speeds up the learning from features whose dimensions have
        different spreads, adds no trainable weight, and is saved with the network. A branch with a
        start or an encoder is left as it is.

        Args:
            image_features: float `(n, image_dim)`, those of the training images.
            text_features: float `(m, text_dim)`, those of the training texts, or their word
                indices.
        """
        views = (self.image_branch, image_features), (self.text_branch, text_features)
        for branch, features in views:
            for layer in branch.layers:
                if isinstance(layer, Standardization):
                    layer.adapt(features)

    def embed_images(self, features: ArrayLike, batch_size: int = 1024) -> np.ndarray:
        """Embeds image features, batch by batch; they may be a memory map of any float type.

        Args:
            features: float `(n, image_dim)`.
            batch_size: how many images go through the branch at a time.

        Returns:
            float32 `(n, embedding_dim)`, rows of unit length.
        """
        return embedded(self.image_branch, features, batch_size)

    def embed_texts(self, features: ArrayLike, batch_size: int = 1024) -> np.ndarray:
        """Embeds text features, batch by batch; they may be a memory map of any float type.

        Args:
            features: float `(m, text_dim)`; with a text encoder its word indices, int.
            batch_size: how many texts go through the branch at a time.

        Returns:
            float32 `(m, embedding_dim)`, rows of unit length.
        """
        return embedded(self.text_branch, features, batch_size)

    def fuse(self, image_embeddings: ArrayLike, text_embeddings: ArrayLike) -> np.ndarray:
        """Returns the scores of pairs of embeddings `(p, embedding_dim)` each, float32 `(p,)`."""
        return self.fusion.predict_on_batch({"image": image_embeddings, "text": text_embeddings})

    def get_config(self) -> dict:
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        config = {"name": self.name, "trainable": self.trainable, "dtype": dtype}
        config |= {name: getattr(self, name) for name in _SETTINGS}
        return config | {
            name: keras.saving.serialize_keras_object(getattr(self, name)) for name in _PARTS
        }

    @classmethod
    def from_config(cls, config: dict) -> TwoBranchNetwork:
        """Builds a network, its starts and its encoders from a config."""
        # A functional model takes its config apart while it is built of it.
        parts = {
            name: keras.saving.deserialize_keras_object(copy.deepcopy(config.get(name)))
            for name in _PARTS
        }
        return cls(**config | parts)


def checked_dim(
    embedding_dim: int | None,
    image_start: BranchStart | None,
    text_start: BranchStart | None,
    default: int,
) -> int:
    """Returns the size of the embeddings: as given, else that of the starts, else the default.

    Raises:
        ValueError: if the size is no positive int, a start is of another class or size, or both
            starts are one layer.
    """
    if image_start is not None and image_start is text_start:
        raise ValueError("`image_start` and `text_start` must be two layers. Received: one")
    for view, start in (("image", image_start), ("text", text_start)):
        if start is None:
            continue
        if not isinstance(start, BranchStart):
            raise ValueError(f"`{view}_start` must be a `BranchStart`. Received: {start!r}")
        if embedding_dim not in (None, start.size):
            raise ValueError(
                f"`{view}_start` must have the size of the embeddings, {embedding_dim}. "
                f"Received: a start of size {start.size}"
            )
        embedding_dim = start.size
    if embedding_dim is None:
        return default
    check_int("embedding_dim", embedding_dim, least=1)
    return int(embedding_dim)


def branch_inputs(**branches: keras.Model) -> dict[str, keras.KerasTensor]:
    """Returns symbolic features for each branch, by the names of their views."""
    return {
        view: keras.Input(branch.input.shape[1:], name=view, dtype=branch.input.dtype)
        for view, branch in branches.items()
    }


def embedded(branch: keras.Model, features: ArrayLike, batch_size: int) -> np.ndarray:
    """Returns what a branch, or its encoder, gives for features, float32, batch by batch."""
    features = np.asanyarray(features)
    width = branch.input_shape[1]
    if features.ndim != 2 or features.shape[1] != width:
        argument = branch.name.replace("branch", "features")
        raise ValueError(
            f"`{argument}` must have shape (n, {width}). Received: shape={features.shape}"
        )
    if branch.input.dtype == "int32" and features.dtype.kind not in "iu":
        argument = branch.name.replace("branch", "features")
        raise ValueError(f"`{argument}` must be ints. Received: dtype={features.dtype}")
    batch_size = min(batch_size, max(1, _VALUES // width))  # rows of pixels are long
    embeddings = np.empty((len(features), *branch.output_shape[1:]), np.float32)
    for start in range(0, len(features), batch_size):
        rows = slice(start, start + batch_size)
        embeddings[rows] = branch.predict_on_batch(np.asarray(features[rows], branch.input.dtype))
    return embeddings
