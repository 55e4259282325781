"""Encoded features kept on disk, under a key of what was encoded and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.cache_directory import cache_directory
from tb_keras.storage.cache_key import cache_key
from tb_keras.storage.feature_dtype import feature_dtype

_CHUNK = 256  # items encoded, and lost at most, between two writes, unless the caller has a reason


def cached_features(
    settings: Mapping[str, object],
    items: Sequence[str],
    digest: Callable[[str], str],
    encode: Callable[[Sequence[str]], np.ndarray],
    verbose: bool = True,
    chunk_size: int = _CHUNK,
) -> np.ndarray:
    """Encodes items, or reads from disk what was encoded before.

    Items are encoded and kept chunk by chunk, each chunk under the digest of the settings and of
    its items' content. So a run that is killed goes on where it was, changed content or settings
    are encoded anew, and a file that is there is whole: it was written beside and renamed.

    Args:
        settings: all that the features depend on besides the items; must be JSON.
        items: what to encode: texts, or paths of pictures.
        digest: content digest of an item.
        encode: encodes some items, to float or int `(len(items), feature_dim)`.
        verbose: whether to show a progress bar when something has to be encoded.
        chunk_size: items in a chunk.

    Returns:
        float32, or of ints int32, `(len(items), feature_dim)`.

    Raises:
        ValueError: if there are no items.
    """
    if not items:
        raise ValueError("`items` must hold at least one item to encode. Received: none")
    directory = cache_directory() / "features"
    chunks = [items[start : start + chunk_size] for start in range(0, len(items), chunk_size)]
    files = [directory / f"{cache_key(settings, list(map(digest, chunk)))}.npy" for chunk in chunks]
    missing = [chunk for chunk, file in zip(chunks, files) if not file.exists()]
    progress = keras.utils.Progbar(sum(map(len, missing)), verbose=verbose, unit_name="item")
    for chunk, file in zip(chunks, files):
        if not file.exists():
            features = np.asarray(encode(chunk))
            features = features.astype(feature_dtype(features))
            with written_beside(file) as beside, beside.open("wb") as stream:
                np.save(stream, features)
            progress.add(len(chunk))
    # File by file: `concatenate` would hold everything twice.
    first = np.load(files[0])
    features = np.empty((len(items), *first.shape[1:]), first.dtype)
    for start, file in zip(range(0, len(items), chunk_size), files):
        features[start : start + chunk_size] = np.load(file)
    return features
