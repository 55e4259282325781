"""What both networks are: two branches, and a fusion that scores pairs of embeddings."""

from __future__ import annotations

import copy

import keras
import numpy as np
from numpy.typing import ArrayLike

from tb_keras.networks.branches import Branches
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

    def set_projection(
        self,
        view: str,
        mean: ArrayLike,
        deviation: ArrayLike,
        directions: ArrayLike,
        kernel: tuple[ArrayLike, float, ArrayLike] | None = None,
    ) -> None:
        """Sets a projected branch's map to (features - mean) / deviation @ directions.

        Where it is one of radial basis functions, k(features) of the standardised features takes
        the features' place, less a mean of its own: (k(features) - centre) @ directions.

        Args:
            view: `"image"` or `"text"`.
            mean: float `(feature_dim,)`.
            deviation: float `(feature_dim,)`, positive.
            directions: float `(feature_dim, embedding_dim)`, or `(landmarks, embedding_dim)`.
            kernel: of a branch with landmarks, these, float `(landmarks, feature_dim)`, rows of
                unit length; gamma; and the centre, float `(landmarks,)`.

        Raises:
            ValueError: if `view` is neither, an array has another shape, the branches are not
                projected, or `kernel` is given to one without landmarks or the other way round.

        Examples:
            >>> import numpy as np
            >>> from tb_keras.networks import EmbeddingNetwork
            >>> network = EmbeddingNetwork(2, 3, hidden_dim=8, embedding_dim=2, projected=True)
            >>> network.set_projection("image", [1, 0], [1, 1], np.eye(2))
            >>> network.embed_images(np.array([[4.0, 4.0]]))
            array([[0.6, 0.8]], dtype=float32)
        """
        if view not in ("image", "text"):
            raise ValueError(f"`view` must be 'image' or 'text'. Received: {view!r}")
        if not self.settings.get("projected", True):
            raise ValueError(
                "`projected` must have been True when the network was built. Received: False"
            )
        landmarks = self.settings.get(f"{view}_landmarks", 0)
        if (kernel is None) != (landmarks == 0):
            raise ValueError(
                "`kernel` must be given for a branch with landmarks, and only there. "
                f"Received: {'no' if kernel is None else 'a'} kernel, {view}_landmarks={landmarks}"
            )
        branch = self.image_branch if view == "image" else self.text_branch
        standardize = branch.get_layer("standardize")
        standardize.mean.assign(mean)
        standardize.deviation.assign(deviation)
        projection = branch.get_layer("projection")
        projection.kernel.assign(directions)
        if kernel is not None:
            rows, gamma, centre = kernel
            branch.get_layer("radial_basis").set_weights([np.asarray(rows), np.float32(gamma)])
            projection.bias.assign(-(np.asarray(centre) @ np.asarray(directions)))

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
