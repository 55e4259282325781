"""An exported model that embeds raw images and texts in this process."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np

from tb_keras.serving.exported.saved_model import open_saved_model
from tb_keras.storage.feature_cache import cached_features
from tb_keras.storage.pictures.picture_reference import picture_digest, read_picture

_IMAGES_PER_BATCH = 32
_TEXTS_PER_BATCH = 64


class ExportedModel:
    """Embeds images and texts with an exported model, through the signatures that a server uses.

    Args:
        directory: a model's directory, of which the latest version is loaded, or one version.

    Attributes:
        path: the version's directory.
        signatures: its signatures by name.
        network: "embedding", "similarity" or "cca".

    Raises:
        FileNotFoundError: if there is no SavedModel in `directory`.
        ValueError: if it was exported without an image encoder or without a text encoder.
    """

    def __init__(self, directory: str | os.PathLike):
        self.path, self.signatures, self.network = open_saved_model(directory)
        if not {"embed_image", "embed_text"} <= set(self.signatures):
            raise ValueError(
                "`directory` must hold a model exported with its encoders. "
                f"Received: {str(self.path)!r} with signatures {sorted(self.signatures)}"
            )

    def embed_images(self, paths: Sequence[str], verbose: bool = True) -> np.ndarray:
        """Embeds picture files, or finds their embeddings in the cache on disk.

        Args:
            paths: paths of picture files, or references into archives.
            verbose: whether to show progress.

        Returns:
            float32 `(len(paths), dim)`.
        """
        size = _IMAGES_PER_BATCH
        return self._embed(
            "embed_image", "image_bytes", size, paths, read_picture, picture_digest, verbose
        )

    def embed_texts(self, texts: Sequence[str], verbose: bool = True) -> np.ndarray:
        """Embeds strings, or finds their embeddings in the cache on disk.

        Args:
            texts: the strings.
            verbose: whether to show progress.

        Returns:
            float32 `(len(texts), dim)`.
        """
        size = _TEXTS_PER_BATCH
        return self._embed("embed_text", "text", size, texts, str.encode, str, verbose)

    def _embed(self, signature, argument, batch_size, items, content, digest, verbose):
        import tensorflow as tf

        def encode(chunk: Sequence[str]) -> np.ndarray:
            batches = (chunk[i : i + batch_size] for i in range(0, len(chunk), batch_size))
            return np.concatenate(
                [
                    self.signatures[signature](
                        **{argument: tf.constant([content(item) for item in batch])}
                    )["embedding"].numpy()
                    for batch in batches
                ]
            )

        settings = {"saved_model": self.fingerprint, "signature": signature}
        return cached_features(settings, items, digest, encode, verbose)

    @property
    def fingerprint(self) -> str:
        """A digest of the model, which changes with anything that embeddings depend on."""
        files = ("saved_model.pb", "variables/variables.index", "fingerprint.pb")
        content = b"".join((self.path / name).read_bytes() for name in files)
        return hashlib.sha256(content).hexdigest()
