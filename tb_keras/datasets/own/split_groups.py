"""Groups of pictures that no split divides: those of one product, patient or scene."""

from __future__ import annotations

from collections.abc import Sequence


def grouped_keys(firsts: Sequence[str], groups: Sequence[str | None]) -> list[str]:
    """Returns a key for each picture, the same for those that belong together.

    Pictures belong together if they are copies of one another, or have the same group. The key is
    the first group among them, or without a group the first copy's name.

    Args:
        firsts: for each picture the name of the first copy.
        groups: for each picture its group, or None.

    Examples:
        >>> grouped_keys(["a.png", "b.png", "a.png", "c.png"], ["x", "y", "y", None])
        ['x', 'x', 'x', 'c.png']
    """
    if not any(group is not None for group in groups):
        return list(firsts)
    parents: dict[tuple[str, bool], tuple[str, bool]] = {}  # a name, and whether of a group

    def root(node: tuple[str, bool]) -> tuple[str, bool]:
        while parents.setdefault(node, node) != node:
            parents[node] = parents[parents[node]]
            node = parents[node]
        return node

    for first, group in zip(firsts, groups):
        picture = root((first, False))
        if group is None:
            continue
        other = root((group, True))
        if picture == other:
            continue
        if picture[1]:  # it has a group already, which stays the name of both
            parents[other] = picture
        else:
            parents[picture] = other
    return [root((first, False))[0] for first in firsts]


def divided_groups(
    groups: Sequence[str | None], splits: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Returns the groups whose pictures are in more than one split, with two of the splits.

    Examples:
        >>> divided_groups(["x", "x", "y", None], ["train", "test", "train", "test"])
        {'x': ('train', 'test')}
    """
    seen: dict[str, str] = {}
    divided: dict[str, tuple[str, str]] = {}
    for group, split in zip(groups, splits):
        if group is not None and seen.setdefault(group, split) != split:
            divided.setdefault(group, (seen[group], split))
    return divided
