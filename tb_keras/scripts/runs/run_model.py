"""The best network of a run with the run's encoders, with the methods of an exported model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_keras.features import encode_images, encode_texts
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_text_encoder import text_encoder_name


class RunModel:
    """Embeds pictures and texts with a run's best network; their features are kept on disk.

    Args:
        run: of retrieval, trained on pictures and texts.
        network: its kind; by default the first that embeds.

    Raises:
        FileNotFoundError: if no training has finished.
        ValueError: if the run was trained on features, or for localization.
    """

    def __init__(self, run: Run, network: str | None = None):
        self.path, settings = run.directory, run.settings
        trained = run.networks()
        first = next((name for name in trained if name != "similarity"), trained[0])
        self.network = network or first
        if settings["task"] != "retrieval" or not settings["image_encoder"]:
            raise ValueError(
                f"{str(run.directory)!r} was trained on features, or to localize phrases: "
                "its pictures cannot be searched"
            )
        self._encoder, self._crops = settings["image_encoder"], settings["crops"]
        self._text_encoder = text_encoder_name(run)
        self._max_tokens = settings["max_tokens"]
        self._network = run.network(self.network, run.best_seed(self.network))

    def embed_images(self, paths: Sequence[str]) -> np.ndarray:
        """Embeds picture files: float32 `(len(paths), dim)`."""
        features = encode_images(paths, self._encoder, crops=self._crops)
        return self._network.embed_images(features)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds strings: float32 `(len(texts), dim)`."""
        features = encode_texts(texts, self._text_encoder, max_tokens=self._max_tokens)
        return self._network.embed_texts(features)
