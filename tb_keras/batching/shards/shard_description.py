"""What is known of sharded files: of those written so far, and of all when they are whole."""

from __future__ import annotations

import json
import os
from typing import Any

DESCRIPTION = "shards.json"
"""The file that says what is in the others. It is written last."""

FORMAT = 2

_UNFINISHED = "unfinished.json"  # the same of the files that are written so far


def read_description(directory: str | os.PathLike) -> dict[str, Any]:
    """Returns what `write_shards` says of the files in a directory.

    Raises:
        FileNotFoundError: if it has not written there, or not to the end.
        ValueError: if another version of the package has.
    """
    found = _read(os.fspath(directory), DESCRIPTION)
    if found is None:
        raise FileNotFoundError(
            f"`directory` must hold {DESCRIPTION}, which is written last. "
            f"Received: {str(directory)!r}"
        )
    if found.get("format") != FORMAT:
        raise ValueError(
            f"{os.path.join(directory, DESCRIPTION)} is of another version of tb_keras: write the "
            "shards again"
        )
    return found


def written_before(directory: str, found: dict[str, Any]) -> dict[str, Any]:
    """Returns what else is known of files of the same source; removes those of another one.

    Until `finish_description` is called, the directory holds no `DESCRIPTION`.

    Args:
        directory: where the files are.
        found: the part of the description that says of what they are; no two are the same if its
            "source" is None.
    """
    before = _read(directory, DESCRIPTION) or _read(directory, _UNFINISHED) or {}
    same = found["source"] is not None and found.items() <= before.items()
    outdated = [DESCRIPTION]
    if same:
        keep_description(before, directory)
    else:
        outdated += [_UNFINISHED, *(file["name"] for file in before.get("files", []))]
    for name in outdated:
        _remove(directory, name)
    return before if same else {"files": []}


def keep_description(found: dict[str, Any], directory: str) -> None:
    """Writes down what is known of the files so far."""
    _write(found, directory, _UNFINISHED)


def finish_description(found: dict[str, Any], directory: str) -> None:
    """Writes down what is known of all files."""
    _write(found, directory, DESCRIPTION)
    _remove(directory, _UNFINISHED)


def _read(directory: str, name: str) -> dict[str, Any] | None:
    import tensorflow as tf

    path = os.path.join(directory, name)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        return json.loads(file.read())


def _write(found: dict[str, Any], directory: str, name: str) -> None:
    import tensorflow as tf

    path = os.path.join(directory, name)
    with tf.io.gfile.GFile(f"{path}.part", "w") as file:
        file.write(json.dumps(found, indent=1) + "\n")
    tf.io.gfile.rename(f"{path}.part", path, overwrite=True)


def _remove(directory: str, name: str) -> None:
    import tensorflow as tf

    path = os.path.join(directory, name)
    if tf.io.gfile.exists(path):
        tf.io.gfile.remove(path)
