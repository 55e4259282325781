"""Encoded features kept on disk, under a key of what was encoded and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.cache_directory import cache_directory
from tb_keras.storage.cache_key import cache_key


def cached_features(
    settings: Mapping[str, object],
    items: Sequence[str],
    digest: Callable[[str], str],
    encode: Callable[[Sequence[str]], np.ndarray],
    verbose: bool = True,
    items_per_file: int = 256,
) -> np.ndarray:
    """Encodes items, or reads from disk what was encoded before.

    Each file holds some items, under the digest of the settings and of the items' content. So
    changed items or settings are encoded anew, and a run that is killed continues where it was.

    Args:
        settings: all that the features depend on besides the items, as JSON.
        items: what to encode: texts, or paths of pictures.
        digest: a function from an item to the digest of its content.
        encode: a function from some items to float or int `(len(items), feature_dim)`.
        verbose: whether to show a progress bar when something has to be encoded.
        items_per_file: items encoded, and lost at most by a kill, between two writes.

    Returns:
        Float32 `(len(items), feature_dim)`, or int32 for ints.

    Raises:
        ValueError: there are no items.
    """
    if not items:
        raise ValueError("`items` must hold at least one item to encode. Received: none")
    directory = cache_directory() / "features"
    starts = range(0, len(items), items_per_file)
    parts = [items[start : start + items_per_file] for start in starts]
    files = [directory / f"{cache_key(settings, list(map(digest, part)))}.npy" for part in parts]
    missing = [part for part, file in zip(parts, files) if not file.exists()]
    progress = keras.utils.Progbar(sum(map(len, missing)), verbose=verbose, unit_name="item")
    for part, file in zip(parts, files):
        if not file.exists():
            features = np.asarray(encode(part))
            features = features.astype("int32" if features.dtype.kind in "iu" else "float32")
            with written_beside(file) as beside, beside.open("wb") as stream:
                np.save(stream, features)
            progress.add(len(part))
    # File by file: `concatenate` would hold everything twice.
    first = np.load(files[0])
    features = np.empty((len(items), *first.shape[1:]), first.dtype)
    for start, file in zip(starts, files):
        features[start : start + items_per_file] = np.load(file)
    return features
