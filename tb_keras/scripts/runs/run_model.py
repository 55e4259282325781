"""The best network of a run with the run's encoders, with the methods of an exported model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_keras.features import encode_images, encode_texts
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_text_encoder import text_encoder_name
from tb_keras.storage.cache_key import cache_key, encoder_settings, file_digest


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
        seed = run.best_seed(self.network)
        self._file = run.seed_directory(self.network, seed) / "network.keras"
        self._network = run.network(self.network, seed)

    @property
    def fingerprint(self) -> str:
        """A digest of network and encoders, which changes with anything embeddings depend on."""
        encoders = {"image": self._encoder, "text": self._text_encoder}
        settings = {kind: encoder_settings(kind, name) for kind, name in encoders.items()}
        for of_encoder in settings.values():
            del of_encoder["packages"]  # a newer release keeps the features, or raises the version
        return cache_key(settings, [file_digest(self._file), self._crops, self._max_tokens])

    def embed_images(self, paths: Sequence[str], verbose: bool = True) -> np.ndarray:
        """Embeds picture files: float32 `(len(paths), dim)`."""
        features = encode_images(paths, self._encoder, crops=self._crops, verbose=verbose)
        return self._network.embed_images(features)

    def embed_texts(self, texts: Sequence[str], verbose: bool = True) -> np.ndarray:
        """Embeds strings: float32 `(len(texts), dim)`."""
        features = encode_texts(
            texts, self._text_encoder, max_tokens=self._max_tokens, verbose=verbose
        )
        return self._network.embed_texts(features)
