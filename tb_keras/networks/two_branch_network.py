"""What both networks are: two branches, and a fusion that scores pairs of embeddings."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NamedTuple

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
        text_encoder: `keras.Model`, int32 `(batch, text_dim)` → float, the trainable first part of
            the text branch; None where texts come as features.
        settings: the arguments that the network was built with, but for `dtype` and `text_encoder`.
    """

    image_branch: keras.Model
    text_branch: keras.Model
    fusion: keras.Model
    text_encoder: keras.Model | None = None
    settings: dict

    def hold(self, branches: Branches, fusion: keras.Model) -> None:
        """Keeps the parts that the network was built of, at the end of its constructor."""
        self.dtype_policy = branches.dtype
        self.image_branch, self.text_branch = branches.image, branches.text
        self.text_encoder = branches.text_encoder
        self.fusion = fusion
        self.settings = branches.settings

    def standardize(self, image_features: ArrayLike, text_features: ArrayLike) -> None:
        """Sets both branches to standardise their features by the statistics of these ones.

        To be called before training; it speeds up the learning from features whose dimensions have
        different spreads. It adds no trainable weight, and is saved with the network. Word indices
        are left as they are: what a text encoder makes of them is standardised batch by batch.

        Args:
            image_features: float `(n, image_dim)`, those of the training images.
            text_features: float `(m, text_dim)`, those of the training texts; or word indices.
        """
        self.image_branch.get_layer("standardize").adapt(image_features)
        if self.text_encoder is None:
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
        """As `embed_images`, for text features: `(m, text_dim)` → float32 `(m, embedding_dim)`.

        With a text encoder, `features` are its word indices: int `(m, text_dim)`.
        """
        return _embedded(self.text_branch, features, batch_size)

    def fuse(self, image_embeddings: ArrayLike, text_embeddings: ArrayLike) -> np.ndarray:
        """Scores pairs of embeddings, float32 `(pairs, embedding_dim)` each → `(pairs,)`."""
        return self.fusion.predict_on_batch({"image": image_embeddings, "text": text_embeddings})

    def get_config(self) -> dict:
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        config = {"name": self.name, "trainable": self.trainable, "dtype": dtype, **self.settings}
        if self.text_encoder is not None:
            config["text_encoder"] = keras.saving.serialize_keras_object(self.text_encoder)
        return config

    @classmethod
    def from_config(cls, config: dict) -> TwoBranchNetwork:
        if config.get("text_encoder") is not None:
            # A functional model takes its config apart while it is built of it.
            of_encoder = copy.deepcopy(config["text_encoder"])
            text_encoder = keras.saving.deserialize_keras_object(of_encoder)
            config = {**config, "text_encoder": text_encoder}
        return cls(**config)


class Branches(NamedTuple):
    """Two branches that share nothing, and what they were built from.

    Attributes:
        image: the image branch.
        text: the text branch.
        inputs: symbolic features, by the names "image" and "text".
        embeddings: what the branches make of them, by the same names.
        settings: checked, with sizes as plain ints and the rest as floats.
        dtype: the layers' dtype policy.
        text_encoder: the first part of the text branch, or None.
    """

    image: keras.Model
    text: keras.Model
    inputs: dict
    embeddings: dict
    settings: dict
    dtype: keras.DTypePolicy
    text_encoder: keras.Model | None


def build_branches(
    settings: Mapping[str, int | float],
    dtype: str | keras.DTypePolicy | None,
    text_encoder: keras.Model | None = None,
) -> Branches:
    """Builds both branches.

    Args:
        settings: `image_dim`, `text_dim`, `hidden_dim`, `embedding_dim`, `dropout`, `noise` and,
            for a network whose branches may be, `projected`, `image_landmarks` and
            `text_landmarks`.
        dtype: dtype policy of the layers; Keras's own if None.
        text_encoder: int32 `(batch, text_dim)` → float, to stand before the text branch's layers.

    Raises:
        ValueError: if a size is no positive int, `dropout` or `noise` is out of range, or the
            encoder takes or gives something else.
    """
    settings = _checked_settings(settings)
    dtype = keras.dtype_policies.get(dtype)
    if text_encoder is not None:
        _check_encoder(text_encoder, settings["text_dim"])
    branches, inputs = {}, {}
    for view, encoder in (("image", None), ("text", text_encoder)):
        branches[view] = build_branch(
            settings[f"{view}_dim"],
            settings["hidden_dim"],
            settings["embedding_dim"],
            settings["dropout"],
            f"{view}_branch",
            settings["noise"],
            dtype,
            encoder,
            settings.get("projected", False),
            settings.get(f"{view}_landmarks", 0),
        )
        given = branches[view].input
        inputs[view] = keras.Input(given.shape[1:], name=view, dtype=given.dtype)
    embeddings = {view: branch(inputs[view]) for view, branch in branches.items()}
    return Branches(
        **branches,
        inputs=inputs,
        embeddings=embeddings,
        settings=settings,
        dtype=dtype,
        text_encoder=text_encoder,
    )


def checked_size(argument: str, size: int) -> int:
    """Returns `size` as a plain int.

    Raises:
        ValueError: if it is no positive int.
    """
    if not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"`{argument}` must be a positive int. Received: {size!r}")
    return int(size)


def _checked_settings(settings: Mapping[str, int | float]) -> dict[str, int | float]:
    sizes = {
        name: checked_size(name, size) for name, size in settings.items() if name.endswith("_dim")
    }
    if not 0 <= settings["dropout"] < 1:
        raise ValueError(f"`dropout` must be in [0, 1). Received: {settings['dropout']}")
    if not settings["noise"] >= 0:
        raise ValueError(f"`noise` must be a non-negative float. Received: {settings['noise']}")
    shares = {name: float(settings[name]) for name in ("dropout", "noise")}
    return {**settings, **sizes, **shares}


def _check_encoder(text_encoder: keras.Model, text_dim: int) -> None:
    taken, given = text_encoder.input_shape, text_encoder.output_shape
    if len(taken) != 2 or taken[1] not in (None, text_dim) or len(given) != 2 or not given[1]:
        raise ValueError(
            f"`text_encoder` must take ints (batch, {text_dim}), as `text_dim` says, and give "
            f"vectors (batch, dim). Received: a model from {taken} to {given}"
        )


def _embedded(branch: keras.Model, features: ArrayLike, batch_size: int) -> np.ndarray:
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
    embeddings = np.empty((len(features), *branch.output_shape[1:]), np.float32)
    for start in range(0, len(features), batch_size):
        rows = slice(start, start + batch_size)
        embeddings[rows] = branch.predict_on_batch(np.asarray(features[rows], branch.input.dtype))
    return embeddings
