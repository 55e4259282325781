"""The network of an exported model, from features to scores."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike

from tb_keras.networks import PairScorer
from tb_keras.serving.exported.saved_model import open_saved_model

_BATCH_SIZE = 1024


class ExportedNetwork(PairScorer):
    """Embeds features and scores embeddings with an exported model.

    Args:
        directory: a model's directory, of which the latest version is loaded, or one version.

    Attributes:
        path: the version's directory.
        network: "embedding", "similarity" or "cca".

    Raises:
        FileNotFoundError: if there is no SavedModel in `directory`.
    """

    def __init__(self, directory: str | os.PathLike):
        self.path, self._signatures, self.network = open_saved_model(directory)

    @property
    def takes_raw(self) -> bool:
        """Whether it was exported with an image and a text encoder, as `ExportedModel` needs."""
        return {"embed_image", "embed_text"} <= set(self._signatures)

    def embed_images(self, features: ArrayLike) -> np.ndarray:
        """Embeds image features float `(n, image_dim)` → float32 `(n, dim)`."""
        return self._embedded("embed_image_features", features)

    def embed_texts(self, features: ArrayLike) -> np.ndarray:
        """Embeds text features, or int word indices, `(m, text_dim)` → float32 `(m, dim)`."""
        return self._embedded("embed_text_features", features)

    def fuse(self, image_embeddings: np.ndarray, text_embeddings: np.ndarray) -> np.ndarray:
        """Scores pairs of embeddings, float32 `(p, dim)` each → `(p,)`."""
        import tensorflow as tf

        answer = self._signatures["score_embeddings"](
            image_embedding=tf.constant(image_embeddings),
            text_embedding=tf.constant(text_embeddings),
        )
        return answer["score"].numpy()

    def _embedded(self, signature: str, features: ArrayLike) -> np.ndarray:
        import tensorflow as tf

        embed = self._signatures[signature]
        features = np.asanyarray(features)
        spec = embed.structured_input_signature[1]["features"]
        width = spec.shape[-1]
        if features.ndim != 2 or features.shape[1] != width:
            raise ValueError(
                f"`features` must have shape (n, {width}), as {str(self.path)!r} takes them. "
                f"Received: shape={features.shape}"
            )
        if spec.dtype == tf.int32 and features.dtype.kind not in "iu":
            raise ValueError(
                f"`features` must be ints, as {str(self.path)!r} takes them. "
                f"Received: dtype={features.dtype}"
            )
        dim = embed.structured_outputs["embedding"].shape[-1]
        embeddings = [np.zeros((0, dim), np.float32)]
        for start in range(0, len(features), _BATCH_SIZE):
            batch = features[start : start + _BATCH_SIZE]
            rows = tf.constant(np.asarray(batch, spec.dtype.as_numpy_dtype))
            embeddings.append(embed(features=rows)["embedding"].numpy())
        return np.concatenate(embeddings)
