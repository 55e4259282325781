"""Splits of your own data: those that it names, or else by a hash of each image's name."""

from __future__ import annotations

import collections
import hashlib
import warnings
from collections.abc import Sequence

import numpy as np

_SPLITS = ("train", "validation", "test")

_OTHER_NAMES = {
    "train": ("train", "training", "restval"),  # restval: the rest of MSCOCO's validation set
    "validation": ("validation", "val", "valid", "dev"),
    "test": ("test", "testing"),
}
_NAMES = {other: name for name, others in _OTHER_NAMES.items() for other in others}
_HASHES = 2**48


def split_named(name: str) -> str:
    """Returns this package's name of a split. Upper case and white space around it do not count.

    "training" and "restval" are "train"; "val", "valid" and "dev" are "validation"; "testing" is
    "test". Any other name stays.

    Examples:
        >>> split_named("val"), split_named("Train"), split_named("mine")
        ('validation', 'train', 'mine')
    """
    name = name.strip()
    return _NAMES.get(name.casefold(), name)


def in_split(
    split: str, named: Sequence[str] | None, keys: Sequence[str], source: object
) -> np.ndarray:
    """Returns which images a split has, bool `(n,)`.

    Args:
        split: the name of the split, or "all".
        named: the split of each image, as `split_named` gives it, or None where the data names
            none. Then `hashed_splits` makes them. A validation split that is not named is taken
            from the training images, as `with_validation` does.
        keys: what each image is hashed by. Images with one key are in one split.
        source: the file or folder, for messages.

    Raises:
        ValueError: if no image is in the split. The message lists the splits.

    Examples:
        >>> in_split("val", ["train", "validation"], ["a.png", "b.png"], "pairs.csv")
        array([False,  True])
    """
    split = split_named(split)
    if split == "all":
        return np.ones(len(keys), bool)
    is_drawn = named is not None and "validation" not in named
    named = splits_by_key(keys) if named is None else with_validation(named, keys)
    chosen = np.array([name == split for name in named], bool)
    counts = collections.Counter(named)
    held_out = counts["validation"] if is_drawn else 0
    if held_out and split in ("train", "validation"):
        warnings.warn(
            f"{source}: no image is of the split 'validation', so {held_out} of "
            f"{held_out + counts['train']} training images are, by a hash of their names",
            stacklevel=2,
        )
    if not chosen.any():
        known = ", ".join(map(repr, ["all", *sorted(counts)]))
        raise ValueError(f"`split` must be one of {known}, which {source} has. Received: {split!r}")
    unread = [f"{counts[name]} of {name!r}" for name in sorted(counts) if name not in _SPLITS]
    if unread and split in _SPLITS:
        warnings.warn(
            f"{source}: images of other splits than {', '.join(_SPLITS)} are left out: "
            f"{', '.join(unread)}",
            stacklevel=2,
        )
    return chosen


def with_validation(named: Sequence[str], keys: Sequence[str]) -> Sequence[str]:
    """Returns splits with one for validation: where none is named, a tenth of the training images.

    A hash of their keys decides. Fewer than three training images stay together.

    Args:
        named: the split of each image.
        keys: what each image is hashed by.

    Examples:
        >>> with_validation(["train", "train", "train", "test"], ["dog", "cat", "cow", "bus"])
        ['train', 'train', 'validation', 'test']
        >>> with_validation(["train", "validation"], ["dog", "cat"])
        ['train', 'validation']
    """
    trained = list(dict.fromkeys(key for key, name in zip(keys, named) if name == "train"))
    if "validation" in named or len(trained) < len(_SPLITS):
        return named
    held_out = {key for key, split in zip(trained, hashed_splits(trained)) if split == "validation"}
    return [
        "validation" if name == "train" and key in held_out else name
        for name, key in zip(named, keys)
    ]


def splits_by_key(keys: Sequence[str]) -> list[str]:
    """Returns the hashed split of each key, of which some may be equal."""
    distinct = list(dict.fromkeys(keys))
    split_of = dict(zip(distinct, hashed_splits(distinct)))
    return [split_of[key] for key in keys]


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
