"""Adding items to a collection in blocks, of which only new and changed ones are encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from tb_keras.search.kept.collection import Collection
from tb_keras.search.kept.entries import Entry, Known

BLOCK_ITEMS = 256
"""Items that are encoded, and lost at most by a kill, between two commits."""


class Added(NamedTuple):
    """How many items an index was given.

    Attributes:
        new: that were not there.
        changed: that were there with another content, and were encoded again.
        same: that were there, and were not encoded.
    """

    new: int
    changed: int
    same: int


def add_items(
    collection: Collection,
    count: int,
    entry: Callable[[int], Entry],
    embed: Callable[[Sequence[Entry]], np.ndarray],
    attributes: Sequence[str],
    verbose: bool,
) -> Added:
    """Adds items to a collection, or changes those that are there.

    Args:
        collection: the collection.
        count: how many items.
        entry: from an item's number to the item.
        embed: from some items to their embeddings.
        attributes: the names of the attributes that the items have.
        verbose: whether to show progress.

    Raises:
        ValueError: if embeddings are not finite, or of another size than those that are there.
    """
    added = np.zeros(3, int)
    progress = keras.utils.Progbar(count, verbose=verbose, unit_name="item")
    for start in range(0, count, BLOCK_ITEMS):
        stop = min(start + BLOCK_ITEMS, count)
        entries = list({one.id: one for one in map(entry, range(start, stop))}.values())
        known = collection.known([one.id for one in entries])
        fresh = [e for e in entries if e.id not in known or e.digest != known[e.id].digest]
        if fresh:
            collection.put(fresh, attributes, embed(fresh))
        kept = [e for e in entries if e.id in known and e.digest == known[e.id].digest]
        moved = [e for e in kept if _differs(e, attributes, known[e.id])]
        if moved:
            collection.update(moved, attributes)
        new = len(entries) - len(known)
        added += new, len(fresh) - new, len(kept)
        progress.add(stop - start)
    collection.catch_up(verbose)
    collection.compact()
    return Added(*added.tolist())


def _differs(entry: Entry, attributes: Sequence[str], known: Known) -> bool:
    """Returns whether the path or an attribute of an item is another one than is kept."""
    kept = tuple(known.attributes.get(name) for name in attributes)
    return (entry.path, entry.values) != (known.path, kept)
