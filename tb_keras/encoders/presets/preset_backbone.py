"""Backbones of keras-hub by the names of their presets, and what is known of each kind."""

from __future__ import annotations

import contextlib
import contextvars
import sys
from collections.abc import Iterator

import keras

HUB = "keras_hub/"
"""The beginning of the names of encoders from keras-hub."""

_WITH_TOWERS = {"CLIPBackbone", "MetaCLIP2Backbone", "SigLIPBackbone"}
_LOADED: contextvars.ContextVar[dict | None] = contextvars.ContextVar("loaded", default=None)


def load_backbone(preset: str, weights: str | None = "pretrained") -> keras.Model:
    """Loads the backbone of a preset of keras-hub.

    Args:
        preset: its name, or the path of a directory.
        weights: `"pretrained"` or None for random ones.

    Raises:
        ImportError: keras-hub is not installed.
    """
    loaded = _LOADED.get()
    key = preset, weights is not None
    if loaded and key in loaded:
        return loaded[key]
    import keras_hub

    backbone = keras_hub.models.Backbone.from_preset(preset, load_weights=weights is not None)
    if loaded is not None:
        loaded[key] = backbone
    return backbone


@contextlib.contextmanager
def loaded_once() -> Iterator[None]:
    """Has `load_backbone` load each preset once while the context lasts."""
    token = _LOADED.set({})
    try:
        yield
    finally:
        _LOADED.reset(token)


def is_of_kind(layer: object, names: set[str]) -> bool:
    """Returns whether a layer is of one of the named classes, or of one derived from it.

    Older releases of keras-hub lack some of the classes.

    Examples:
        >>> is_of_kind(keras.layers.Dense(1), {"Dense"})
        True
    """
    return any(kind.__name__ in names for kind in type(layer).__mro__)


def has_towers(backbone: keras.Model) -> bool:
    """Returns whether a backbone holds an image tower and a text tower with a space in common."""
    return is_of_kind(backbone, _WITH_TOWERS)


def tower_family(preset: str) -> str | None:
    """Returns the class of a preset's backbone if it has two towers. No weights are loaded."""
    kinds = [kind.__name__ for kind in _loader(preset).check_backbone_class().__mro__]
    return next((name for name in kinds if name in _WITH_TOWERS), None)


def text_positions(preset: str) -> int:
    """Returns how many tokens the text tower of a preset can take; huge if it does not say so."""
    config = _loader(preset).config
    for part in ("config", "text_encoder", "config"):
        config = config.get(part, {})
    return config.get("max_sequence_length", sys.maxsize)


def _loader(preset: str):
    from keras_hub.src.utils.preset_utils import get_preset_loader

    return get_preset_loader(preset)
