"""Encoded features of very many items, in one memory-mapped file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from tb_keras.features.feature_file import feature_file

_CHUNK = 1024  # items encoded at a time


def mapped_features(
    settings: Mapping[str, object],
    items: Sequence[str],
    digest: Callable[[str], str],
    encode: Callable[[Sequence[str]], np.ndarray],
    verbose: bool = True,
) -> np.ndarray:
    """Encodes items, or opens what was encoded before, without holding it in memory.

    The arguments are those of `cached_features`, whose result is held in memory. Where any item has
    changed all are encoded anew; a run that is killed goes on where it was.

    Returns:
        float16, or of ints int32, `(len(items), feature_dim)`, a memory map.
    """

    def blocks(start: int) -> Iterator[np.ndarray]:
        for first in range(start, len(items), _CHUNK):
            yield encode(items[first : first + _CHUNK])

    content = hashlib.sha256()
    for item in items:
        content.update(hashlib.sha256(digest(item).encode()).digest())
    settings = {**settings, "items": content.hexdigest()}
    return feature_file(settings, len(items), blocks, verbose)
