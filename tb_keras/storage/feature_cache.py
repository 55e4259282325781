"""Encoded features kept on disk, each under a key of what was encoded and how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from tb_keras.storage.feature_store import FeatureStore


def cached_features(
    settings: Mapping[str, object],
    items: Sequence[str],
    digest: Callable[[str], str],
    encode: Callable[[Sequence[str]], np.ndarray],
    verbose: bool = True,
    items_per_write: int = 256,
) -> np.ndarray:
    """Encodes items, or reads from disk what was encoded before.

    Each item is kept under the digest of its content, so that only new and changed items are
    encoded. Equal items are encoded once. A run that is killed continues where it was.

    Args:
        settings: all that the features depend on besides the items, as JSON.
        items: what to encode: texts, or references to pictures.
        digest: a function from an item to the digest of its content.
        encode: a function from some items to float or int `(len(items), feature_dim)`.
        verbose: whether to show a progress bar when something has to be encoded.
        items_per_write: items encoded, and lost at most by a kill, between two writes.

    Returns:
        Float32 `(len(items), feature_dim)`, int32 for ints, or uint8.

    Raises:
        ValueError: there are no items.
    """
    store, digests = filled_store(settings, items, digest, encode, verbose, items_per_write)
    return store.take(digests)


def filled_store(
    settings: Mapping[str, object],
    items: Sequence[str],
    digest: Callable[[str], str],
    encode: Callable[[Sequence[str]], np.ndarray],
    verbose: bool = True,
    items_per_write: int = 256,
) -> tuple[FeatureStore, list[bytes]]:
    """Encodes items that are not kept yet. The arguments are those of `cached_features`.

    Returns:
        The store with all items, and the digest under which it has each.
    """
    if not len(items):
        raise ValueError("`items` must hold at least one item to encode. Received: none")
    digests = [
        hashlib.sha256(digest(item).encode("utf-8", "surrogatepass")).digest() for item in items
    ]
    item_of = dict(zip(digests, items))
    store = FeatureStore(settings)
    store.refresh()
    missing = store.missing(digests)
    progress = keras.utils.Progbar(len(missing), verbose=verbose, unit_name="item")
    while missing:
        some = missing[:items_per_write]
        store.add(some, encode([item_of[digest] for digest in some]))
        # Another process may have encoded the next ones, or deleted all.
        before, missing = len(missing), store.missing(missing[items_per_write:])
        progress.add(before - len(missing))
        if not missing:
            missing = store.missing(digests)
    return store, digests
