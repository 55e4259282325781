"""Folders of a layout that are named after splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tb_keras.datasets.own.hashed_splits import split_named

_SPLITS = ("train", "validation", "test")


def folder_split(name: str) -> str | None:
    """Returns the split that the first folder of a path names, None if it names none.

    Examples:
        >>> folder_split("val/dog/1.png"), folder_split("dog/1.png"), folder_split("test")
        ('validation', None, 'test')
    """
    split = split_named(name.split("/")[0])
    return split if split in _SPLITS else None


def all_in_splits(pictures: Sequence[str]) -> bool:
    """Returns whether every picture is in a folder that is named after a split."""
    return bool(pictures) and all("/" in name and folder_split(name) for name in pictures)


def columns_with_split(columns: Iterable[str], has_split: bool) -> list[str]:
    """Returns the columns of a layout, with that of the splits if it has them."""
    return [*columns, *(["split"] if has_split else [])]
