"""Splits of your own data by a hash of each image's name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

_SPLITS = ("train", "validation", "test")

_OTHER_NAMES = {"val": "validation", "valid": "validation", "dev": "validation"}
_HASHES = 2**48


def split_named(name: str) -> str:
    """Returns this package's name of a split. "val", "valid" and "dev" are "validation".

    Examples:
        >>> split_named("val"), split_named("test")
        ('validation', 'test')
    """
    return _OTHER_NAMES.get(name, name)


def hashed_splits(names: Sequence[str]) -> list[str]:
    """Returns the split of each image: about 80% "train", 10% "validation" and 10% "test".

    The split depends on the hash of the image's name alone. So an image stays in its split when
    others are added or removed. If this leaves a split empty, as it may with a few dozen images,
    the image with the nearest hash moves there.

    Args:
        names: distinct strings, in any order. With three names or more, no split is empty.

    Examples:
        >>> hashed_splits(["dog.png", "cat.png", "cow.png"])
        ['validation', 'test', 'train']
        >>> hashed_splits(["dog.png", "cat.png"])
        ['train', 'train']
    """
    hashes = np.array([_hash(name) for name in names], np.int64)
    tenths = hashes * 10 // _HASHES
    first_validation, first_test = int((tenths < 8).sum()), int((tenths < 9).sum())
    if len(names) >= len(_SPLITS):
        # Sorted by hash, the splits are three runs, and none of them may be empty.
        first_test = min(max(first_test, 2), len(names) - 1)
        first_validation = min(max(first_validation, 1), first_test - 1)
    in_order = np.lexsort((np.array(names, object), hashes))
    places = np.empty(len(names), np.int64)
    places[in_order] = np.arange(len(names))
    chosen = (places >= first_validation).astype(int) + (places >= first_test)
    return [_SPLITS[split] for split in chosen]


def _hash(name: str) -> int:
    # A damaged JSON string may hold a lone surrogate, which UTF-8 cannot write.
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big")
