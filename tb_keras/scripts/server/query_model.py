"""Embeds one query at a time, with encoders that stay loaded, and keeps none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_text_encoder import text_encoder_name
from tb_keras.scripts.searching.model_source import ModelSource
from tb_keras.serving import ExportedModel

Embed = Callable[[list], np.ndarray]
_STRINGS = [tf.TensorSpec([None], tf.string)]


class QueryModel:
    """The model that an index was made with, for queries.

    Any number of threads may use it.

    Args:
        source: a run or an exported model.

    Attributes:
        fingerprint: that of the index's embeddings.

    Raises:
        ValueError: if it is a similarity network.
    """

    def __init__(self, source: ModelSource):
        model = source.model("tb-serve")
        self.fingerprint = model.fingerprint
        if isinstance(model, ExportedModel):
            self._embed_images, self._embed_texts = _of_export(model)
        else:
            self._embed_images, self._embed_texts = _of_run(Run(source.path), model.network)

    def embed_text(self, text: str) -> np.ndarray:
        """Embeds a string: float32 `(dim,)`."""
        return self._embed_texts([text])[0]

    def embed_picture(self, content: bytes) -> np.ndarray:
        """Embeds the content of a picture file that the encoder reads: float32 `(dim,)`."""
        return self._embed_images([content])[0]


def _of_export(model: ExportedModel) -> tuple[Embed, Embed]:
    def embed(signature: str, argument: str) -> Embed:
        def embedded(items: list) -> np.ndarray:
            found = model.signatures[signature](**{argument: tf.constant(items)})
            return found["embedding"].numpy()

        return embedded

    return embed("embed_image", "image_bytes"), embed("embed_text", "text")


def _of_run(run: Run, kind: str) -> tuple[Embed, Embed]:
    settings = run.settings
    network = run.network(kind, run.best_seed(kind))
    images = image_encoder(settings["image_encoder"], crops=settings["crops"])
    texts = text_encoder(text_encoder_name(run), max_tokens=settings["max_tokens"])

    def embed(encoder, branch) -> Embed:
        @tf.function(input_signature=_STRINGS)
        def graph(items):
            features = encoder(items)
            return branch(tf.cast(features, branch.input.dtype), training=False)

        return lambda items: graph(tf.constant(items)).numpy()

    return embed(images, network.image_branch), embed(texts, network.text_branch)
