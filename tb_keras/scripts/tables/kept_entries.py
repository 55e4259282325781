"""The contents of the cache directory, by encoder."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tabulate import tabulate

from tb_keras.storage.cache_directory import cache_directory
from tb_keras.storage.kept_directory import KeptFeatures, delete_kept, kept_features

# Other folders there, and what they hold. Whatever else lies in the directory is not touched.
_OTHERS = {
    "openmoji": "drawn pictures",
    "scenes": "drawn pictures",
    "matrices": "copies of published features",
    "datasets": "copies of data sets",
}
_OLD = "files of an older version"


class KeptEntry(NamedTuple):
    """What is kept of one encoder, for one kind of content; or a folder of something else.

    Attributes:
        encoder: the encoder's name, or the folder's.
        kind: what is kept, such as "image" or "text".
        items: number of pictures, texts or files.
        size: bytes on disk.
        last_used: seconds since 1970.
        parts: the directories of features, or the folder.
    """

    encoder: str
    kind: str
    items: int
    size: int
    last_used: float
    parts: list[KeptFeatures] | Path

    def delete(self) -> int:
        """Deletes all but features that a process is writing; returns how many bytes that frees."""
        if isinstance(self.parts, Path):
            gone = self.parts.with_name(f".{os.getpid()}-{self.parts.name}")
            self.parts.rename(gone)
            shutil.rmtree(gone)
            return self.size
        return sum(part.size for part in self.parts if delete_kept(part))


def kept_entries() -> list[KeptEntry]:
    """Returns all that the cache directory holds, what was used last first."""
    groups: dict[tuple[str, str], list[KeptFeatures]] = {}
    for kept in kept_features():
        groups.setdefault(_encoder_and_kind(kept.settings), []).append(kept)
    entries = [_entry(*name, parts) for name, parts in groups.items()]
    for name, kind in _OTHERS.items():
        folder = cache_directory() / name
        states = [file.stat() for file in folder.rglob("*") if file.is_file()]
        if states:
            size, last = sum(s.st_size for s in states), max(s.st_mtime for s in states)
            entries.append(KeptEntry(name, kind, len(states), size, last, folder))
    return sorted(entries, key=lambda entry: -entry.last_used)


def chosen_entries(
    entries: Sequence[KeptEntry], encoder: str | None = None, older_than: float | None = None
) -> list[KeptEntry]:
    """Returns the entries of an encoder, or those with parts not used for some days.

    Args:
        entries: those to choose from.
        encoder: the name of an encoder or folder; None for all.
        older_than: days since the last use; None for all.
    """
    before = time.time() - (older_than or 0) * 24 * 3600
    chosen = []
    for entry in entries:
        if encoder not in (None, entry.encoder):
            continue
        if older_than is None or entry.last_used < before:
            chosen.append(entry)
        elif not isinstance(entry.parts, Path):
            # One encoder may have some features that are old and some that are not.
            parts = [part for part in entry.parts if part.last_used < before]
            if parts:
                chosen.append(_entry(entry.encoder, entry.kind, parts))
    return chosen


def entries_table(entries: Sequence[KeptEntry]) -> str:
    """Returns a table of entries with their sum, as text."""
    rows: list[tuple[object, ...]] = [
        (entry.encoder, entry.kind, entry.items, _size(entry.size), _day(entry.last_used))
        for entry in entries
    ]
    rows.append(("all", "", "", _size(sum(entry.size for entry in entries)), ""))
    names = ("encoder", "what", "items", "size", "last used")
    return tabulate(rows, names, colalign=("left", "left", "right", "right", "left"))


def _entry(encoder: str, kind: str, parts: list[KeptFeatures]) -> KeptEntry:
    items, size = sum(part.items for part in parts), sum(part.size for part in parts)
    return KeptEntry(encoder, kind, items, size, max(part.last_used for part in parts), parts)


def _encoder_and_kind(settings: Mapping) -> tuple[str, str]:
    if "saved_model" in settings:
        return f"exported model {settings['saved_model'][:12]}", settings["signature"]
    inner = settings.get("settings")
    named = {**inner, **settings} if isinstance(inner, dict) else settings
    encoder = named.get("encoder") or named.get("method")
    kind = settings.get("kind", _OLD)
    if named.get("crops", 1) != 1:
        kind = f"{kind}, {named['crops']} crops"
    if "rows of" in settings:
        kind = f"{kind}, in order"
    # The name of an encoder that is a file is a digest of its content.
    return re.sub("[0-9a-f]{64}", lambda digest: digest[0][:12], str(encoder or "-")), kind


def _size(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
