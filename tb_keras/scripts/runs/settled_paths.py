"""Settings whose paths mean the same wherever a script is run from."""

from __future__ import annotations

import os
from collections.abc import Mapping

_PATHS = ("data", "image_features", "edge_model", "train_shards")
_NAMES_OR_PATHS = ("image_encoder", "text_encoder", "word_vectors")
_HUB = "keras_hub/"


def settle_paths(settings: Mapping) -> dict:
    """Returns a run's settings with absolute paths.

    Examples:
        >>> settled = settle_paths({"data": "pairs.csv", "text_encoder": "minilm"})
        >>> os.path.isabs(settled["data"]), settled["text_encoder"]
        (True, 'minilm')
    """
    settled = dict(settings)
    for name, value in settings.items():
        if isinstance(value, Mapping):
            settled[name] = settle_paths(value)
        elif value and name in _PATHS:
            settled[name] = _absolute(value)
        elif value and name in _NAMES_OR_PATHS:
            settled[name] = settle_encoder(value)
    return settled


def settle_encoder(name: str) -> str:
    """Returns the name of an encoder or of word vectors, with an absolute path if it is one.

    Examples:
        >>> settle_encoder("minilm"), settle_encoder("keras_hub/bert_tiny_en_uncased")
        ('minilm', 'keras_hub/bert_tiny_en_uncased')
    """
    preset = os.path.expanduser(name.removeprefix(_HUB))
    if name.startswith(_HUB):
        return f"{_HUB}{_absolute(preset)}" if os.path.isdir(preset) else name
    return _absolute(name) if name.endswith(".keras") or os.path.isfile(preset) else name


def seen_from_here(path: str) -> str:
    """Returns a path without the working directory in front, as a user would type it."""
    return path.removeprefix(os.path.join(os.getcwd(), ""))


def _absolute(path: str) -> str:
    if "://" in path:  # an address, which is the same everywhere
        return path
    return os.path.abspath(os.path.expanduser(path))
