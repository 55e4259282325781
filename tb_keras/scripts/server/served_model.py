"""The model that an index was made with, behind a server of models."""

from __future__ import annotations

import os

import numpy as np

from tb_keras.scripts.searching.model_source import ModelSource
from tb_keras.search import ImageTextIndex
from tb_keras.serving import Client, ServingError
from tb_keras.storage.pictures.picture_reference import read_picture

_LEAST_COSINE = 0.999  # of the embeddings of an item, by the server and in the index


class ServedModel:
    """Embeds queries by TensorFlow Serving, over gRPC.

    Args:
        source: the exported model. Its directory's name is its name on the server.
        address: "host:port".

    Raises:
        ImportError: if the client's package is not installed.
        ValueError: if `source` is a run.
    """

    def __init__(self, source: ModelSource, address: str):
        if source.run is not None:
            raise ValueError(f"--server needs an index of an exported model. Received: {source}")
        self._client = Client(os.path.basename(os.path.normpath(source.path)), address)

    def embed_text(self, text: str) -> np.ndarray:
        """Embeds a string: float32 `(dim,)`."""
        return self._client.embed_texts([text])[0]

    def embed_picture(self, content: bytes) -> np.ndarray:
        """Embeds the content of a picture file: float32 `(dim,)`."""
        return self._client.embed_images([content])[0]

    def check(self, index: ImageTextIndex) -> None:
        """Checks by the first item of an index that its embeddings are the server's.

        Raises:
            ConnectionError: if the server does not answer.
            ValueError: if they are not.
        """
        for of in ("texts", "images"):
            if names := index.ids(of)[:1]:
                break
        else:
            return
        (kept,), (item,) = index.embeddings(names, of), index.items(names, of)
        try:
            asked = self.embed_text(item.id) if item.path is None else self._of_file(item.path)
        except ServingError as error:
            raise ConnectionError(str(error)) from None
        if asked.shape != kept.shape:
            wrong = f"{len(asked)} values instead of {len(kept)}"
        else:
            cosine = float(kept @ asked / (np.linalg.norm(kept) * np.linalg.norm(asked)))
            if cosine >= _LEAST_COSINE:
                return
            wrong = f"a cosine of {cosine:.3f}"
        raise ValueError(
            f"the server's model must give the index's embeddings. "
            f"Received: {wrong} for {item.id!r}"
        )

    def _of_file(self, path: str) -> np.ndarray:
        return self.embed_picture(read_picture(path))
