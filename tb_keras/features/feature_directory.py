"""A directory of features that pictures are added to, and that a kill at any moment leaves whole.

settings.json     the settings of the features: other settings need another directory
features.npy      a row for each picture
images.jsonl      {"file", "row", "size", "mtime_ns"}: a line for each picture that has a row
unreadable.jsonl  {"file", "reason"}: a line for each picture that the last run could not read

During a run, a line is added to images.jsonl only after its row is written, and the last line about
a row counts: {"file": null, "row"} takes the row away. A finished run leaves one line a picture, in
the order of the rows.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.growing_matrix import GrowingMatrix

_FORMAT = 1
# File names that are not UTF-8 keep their bytes.
_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}


class ExtractedRow(NamedTuple):
    """The place of a picture's features, and the state of its file.

    Attributes:
        row: number of the row in features.npy.
        size: bytes of the picture's file.
        mtime_ns: when the file was last changed, in nanoseconds since 1970.
    """

    row: int
    size: int
    mtime_ns: int


def read_settings(directory: str | os.PathLike) -> dict[str, object]:
    """Returns the settings of the features in a directory.

    Raises:
        ValueError: settings.json is damaged.
    """
    file = Path(directory) / "settings.json"
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{file} is damaged: {error!s:.200}") from error
    if not isinstance(settings, dict):
        raise ValueError(f"{file} is damaged: expected an object")
    return settings


def read_rows(directory: str | os.PathLike) -> dict[str, ExtractedRow]:
    """Returns the pictures that have features, by name, in the order of their rows.

    Raises:
        ValueError: images.jsonl is damaged; the message names the line.
    """
    by_row: dict[int, tuple] = {}
    file = Path(directory) / "images.jsonl"
    for number, line in enumerate(_read_lines(file, "file", "row"), 1):
        row = ExtractedRow(line["row"], line.get("size", 0), line.get("mtime_ns", 0))
        is_removed = line["file"] is None
        if (not is_removed and not isinstance(line["file"], str)) or set(map(type, row)) != {int}:
            raise ValueError(f"{file}, line {number}, is damaged: expected a name and numbers")
        by_row.pop(row.row, None)
        if not is_removed:
            by_row[row.row] = line["file"], row
    return dict(by_row[row] for row in sorted(by_row))


def read_unreadable(directory: str | os.PathLike) -> dict[str, str]:
    """Returns, by name, why pictures could not be read."""
    lines = _read_lines(Path(directory) / "unreadable.jsonl", "file", "reason")
    return {str(line["file"]): str(line["reason"]) for line in lines}


class FeatureDirectory:
    """A directory of features, opened by one process at a time to add to it.

    Args:
        directory: the directory; made if it does not exist.
        settings: all that the features depend on besides the pictures, as JSON.
        notes: further facts, which the first run writes to settings.json.

    Attributes:
        rows: the pictures that have features, as `read_rows` returns them.
        unreadable: why pictures could not be read, also in earlier runs, by name.

    Raises:
        ValueError: the directory holds features of other settings (the message names the
            difference) or other files in their place, it is damaged, or another process writes
            there.
    """

    def __init__(
        self,
        directory: str | os.PathLike,
        settings: Mapping[str, object],
        notes: Mapping[str, object],
    ):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:  # closes what is open if the rest is refused
            self._open(stack, {"format": _FORMAT, **settings}, notes)
            self._opened = stack.pop_all()

    def _open(
        self, stack: contextlib.ExitStack, settings: Mapping[str, Any], notes: Mapping[str, Any]
    ) -> None:
        lock = stack.enter_context((self.directory / ".lock").open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # a killed process releases it
        except BlockingIOError:
            raise ValueError(f"another process writes features to '{self.directory}'") from None
        self._check_settings(settings, notes)
        self.rows = read_rows(self.directory)
        self.unreadable = read_unreadable(self.directory)
        for name in ("images.jsonl", "unreadable.jsonl"):
            _cut_unfinished_line(self.directory / name)
        self._matrix = GrowingMatrix(self.directory / "features.npy", settings["dtype"])
        stack.callback(self._matrix.close)
        used = {row for row, *_ in self.rows.values()}
        num_rows = max(used, default=-1) + 1
        if num_rows > self._matrix.num_rows:
            raise ValueError(
                f"'{self.directory}' is damaged: features.npy has {self._matrix.num_rows} rows, "
                f"images.jsonl speaks of {num_rows}; begin anew in another directory"
            )
        self._free = [row for row in range(num_rows - 1, -1, -1) if row not in used]
        self._matrix.truncate(num_rows)

    def __enter__(self) -> FeatureDirectory:
        return self

    def __exit__(self, *exception) -> None:
        self._opened.close()

    def add(
        self,
        files: Mapping[str, tuple[int, int]],
        features: np.ndarray,
        unreadable: Mapping[str, str],
    ) -> None:
        """Adds pictures, or replaces the features that they have.

        Args:
            files: size and `mtime_ns` of each picture's file, by name.
            features: float `(len(files), feature_dim)`.
            unreadable: by name, why other pictures have no features; earlier ones are removed.
        """
        lines = []
        for (name, (size, mtime_ns)), values in zip(files.items(), features, strict=True):
            if name in self.rows:
                row = self.rows[name].row
            else:
                row = self._free.pop() if self._free else self._matrix.num_rows
            self._matrix.write(row, values[None])
            self.rows[name] = ExtractedRow(row, size, mtime_ns)
            lines.append({"file": name, **self.rows[name]._asdict()})
        self._matrix.commit()
        for name in unreadable:
            if name in self.rows:
                row = self.rows.pop(name).row
                self._free.append(row)
                lines.append({"file": None, "row": row})
        _append_lines(self.directory / "images.jsonl", lines)
        reasons = [{"file": name, "reason": reason} for name, reason in unreadable.items()]
        _append_lines(self.directory / "unreadable.jsonl", reasons)

    def finish(self, unreadable: Mapping[str, str]) -> None:
        """Leaves one line for each picture, and a list of those that this run could not read."""
        ordered = sorted(self.rows.items(), key=lambda item: item[1].row)
        images = [{"file": name, **row._asdict()} for name, row in ordered]
        _write_lines(self.directory / "images.jsonl", images)
        self._matrix.truncate(images[-1]["row"] + 1 if images else 0)
        reasons = [{"file": name, "reason": reason} for name, reason in unreadable.items()]
        _write_lines(self.directory / "unreadable.jsonl", reasons)

    def _check_settings(self, settings: Mapping[str, Any], notes: Mapping[str, Any]) -> None:
        file = self.directory / "settings.json"
        if file.exists():
            there = read_settings(self.directory)
            for name, value in settings.items():
                if there.get(name) != value:
                    raise ValueError(
                        f"'{self.directory}' holds features of other settings: "
                        f"{name}={there.get(name)!r} there, {name}={value!r} now; "
                        "choose another directory"
                    )
            return
        for name in ("features.npy", "images.jsonl"):
            if (self.directory / name).exists():
                raise ValueError(
                    f"'{self.directory}' has a {name} without settings.json, so no extraction "
                    "made it; choose another directory"
                )
        with written_beside(file) as beside:
            content = {**settings, **notes}
            beside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _read_lines(file: Path, *keys: str) -> list[dict]:
    if not file.exists():
        return []
    # After the last line break comes nothing, or a line that a kill cut off.
    *lines, _ = file.read_bytes().split(b"\n")
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line.decode(**_TEXT))
            if not isinstance(row, dict) or any(key not in row for key in keys):
                raise ValueError(f"expected {', '.join(keys)}")
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file}, line {number}, is damaged: {error!s:.200}") from error
        rows.append(row)
    return rows


def _cut_unfinished_line(file: Path) -> None:
    if file.exists():
        with file.open("r+b") as stream:
            stream.truncate(stream.read().rfind(b"\n") + 1)


def _append_lines(file: Path, lines: Iterable[dict]) -> None:
    with file.open("ab") as stream:
        stream.write(_encoded(lines))
        stream.flush()
        os.fsync(stream.fileno())


def _write_lines(file: Path, lines: Iterable[dict]) -> None:
    with written_beside(file) as beside:
        beside.write_bytes(_encoded(lines))


def _encoded(lines: Iterable[dict]) -> bytes:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    return text.encode(**_TEXT)
