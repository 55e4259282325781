"""Flags that do nothing beside others: an error, rather than in silence."""

from __future__ import annotations

from collections.abc import Iterable

from absl import flags


def refuse(others: Iterable[flags.FlagHolder], goes_with: str) -> None:
    """Checks that none of some flags is given.

    Args:
        others: the flags, which would do nothing.
        goes_with: what they go with, such as `"--images"`.

    Raises:
        ValueError: if one is given.
    """
    for flag in others:
        if flags.FLAGS[flag.name].present:
            raise ValueError(f"--{flag.name} goes with {goes_with}")
