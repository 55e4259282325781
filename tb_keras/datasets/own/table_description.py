"""Two lines that say what a table was taken for."""

from __future__ import annotations

import collections

import numpy as np

from tb_keras.datasets.own.hashed_splits import splits_by_key, with_validation
from tb_keras.datasets.own.own_table import OwnTable

_SPLITS = ("train", "validation", "test")


def described_table(own: OwnTable) -> list[str]:
    """Returns two lines that say how many images and texts a table has, where, and their splits."""
    pairs = np.unique(own.firsts[own.pairs[:, 0]] * len(own.texts) + own.pairs[:, 1])
    images_of_text = np.bincount(pairs % len(own.texts))
    images = np.unique(own.firsts)
    first = (
        f"{_count(len(images), 'image')}, {_count(len(own.texts), 'text')} in {own.num_rows} "
        f"{own.table.description(own.columns.names())}"
    )
    parts = [_splits(own, images)]
    several = int((images_of_text > 1).sum())
    if several:
        parts.append(f"{_count(several, 'text')} belong{'s' * (several == 1)} to several images")
    copies = len(own.pictures) - len(images)
    if copies:
        are = "is a copy of another" if copies == 1 else "are copies of others"
        parts.append(f"{_count(copies, 'picture')} {are}")
    return [first, "; ".join(parts)]


def _splits(own: OwnTable, images: np.ndarray) -> str:
    groups = len(set(own.groups) - {None})
    if own.splits is None:
        splits, by = splits_by_key(own.keys), f"hash of {groups} groups" if groups else "hash"
    else:
        splits = with_validation(own.splits, own.keys)
        by = own.table.splits_by or f"the column {own.columns.split}"
    counts = collections.Counter(splits[image] for image in images.tolist())
    names = [*_SPLITS, *sorted(set(counts) - set(_SPLITS))]
    return f"split by {by} {'/'.join(str(counts[name]) for name in names)} ({'/'.join(names)})"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
