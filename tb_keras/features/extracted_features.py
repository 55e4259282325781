"""Features that were extracted before, attached to a corpus by the names of its pictures."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import numpy as np

from tb_keras.corpus.corpus import Corpus
from tb_keras.features.feature_directory import read_rows, read_settings, read_unreadable
from tb_keras.features.feature_file import ordered_rows
from tb_keras.features.readability import without_images
from tb_keras.storage.numpy_files import open_array

_NONE = -1  # the row of a picture without features


def with_extracted_features(
    corpus: Corpus, directory: str | os.PathLike, missing: str = "error"
) -> Corpus:
    r"""Returns a corpus with the features of its pictures from a directory.

    Pictures are found by their names: the corpus's `image_attributes["file"]`, or its `image_paths`
    if it has none. The name in the directory may be the whole path or the end of it, after a `/`.
    If only the last parts agree, the directory must have no other picture with that last part.

    Args:
        corpus: a corpus whose images are whole pictures.
        directory: a directory that `extract_features` wrote; or one with `features.npy`, float
            `(n, image_dim)`, and `names.txt`, the name of each row's picture in UTF-8.
        missing: what to do about images without features there: `"error"`, or `"drop"` to leave
            them out, with the texts that match no other image.

    Returns:
        The `Corpus` with `image_features`, a memory map in the dtype of the directory. Rows in
        another order are written once to the cache directory.

    Raises:
        FileNotFoundError: the directory holds no features.
        ValueError: images have no features, a name could mean several pictures, two images are the
            same picture there, or the files in the directory do not agree.

    Examples:
        >>> import tempfile
        >>> directory = Path(tempfile.mkdtemp())
        >>> np.save(directory / "features.npy", np.eye(2, dtype="float16"))
        >>> _ = (directory / "names.txt").write_text("photos/dog.jpg\nphotos/cat.jpg\n")
        >>> corpus = Corpus(np.arange(1), image_paths=["/data/photos/dog.jpg"], texts=["a dog"])
        >>> with_extracted_features(corpus, directory).image_features.tolist()
        [[1.0, 0.0]]
    """
    if missing not in ("error", "drop"):
        raise ValueError(f"`missing` must be 'error' or 'drop'. Received: missing={missing!r}")
    files = corpus.image_attributes.get("file", corpus.image_paths)
    if files is None or corpus.grounding is not None:
        raise ValueError(
            "`corpus` must have whole pictures as images, with image_paths or the image attribute "
            f"'file'. Received: {corpus}"
        )
    directory = Path(directory)
    features, names, state = _opened(directory)
    rows = _matched(files, names, directory)
    absent = np.flatnonzero(rows == _NONE)
    if len(absent):
        if missing == "error" or len(absent) == len(rows):
            raise ValueError(
                f"{len(absent)} of {len(rows)} images have no features in '{directory}', the first "
                f"is {files[absent[0]]!r}; extract them too, or leave these images out with "
                "missing='drop' (--missing_features=drop)"
            )
        corpus = without_images(corpus.replace(image_features=None), rows == _NONE)
        rows = rows[rows != _NONE]
    return corpus.replace(image_features=_ordered(features, rows, state))


def _opened(directory: Path) -> tuple[np.ndarray, dict[str, int], dict]:
    """Returns the features, the row of each name, and what tells these features from others."""
    file = directory / "features.npy"
    if not file.is_file():
        raise FileNotFoundError(f"`directory` must hold features.npy. Received: '{directory}'")
    features = open_array(file)
    if features.ndim != 2 or features.dtype.kind != "f":
        raise ValueError(
            f"{file} must be a float matrix. Received: shape={features.shape}, {features.dtype}"
        )
    if (directory / "settings.json").is_file():
        images = read_rows(directory)
        state = {"settings": read_settings(directory), "images": images}
        rows = {name: image.row for name, image in images.items()}
        if max(rows.values(), default=-1) >= len(features):
            raise ValueError(f"'{directory}' is damaged: images.jsonl has more rows than {file}")
        # Unreadable pictures are known too, so that no other of the same last name passes for them.
        return features, {**dict.fromkeys(read_unreadable(directory), _NONE), **rows}, state
    list_file = directory / "names.txt"
    if not list_file.is_file():
        raise FileNotFoundError(
            "`directory` must be one that tb-extract wrote, or hold names.txt beside features.npy. "
            f"Received: '{directory}'"
        )
    names = list_file.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
    if len(names) != len(features) or len(set(names)) != len(names):
        raise ValueError(
            f"{list_file} must have a distinct name for each of the {len(features)} rows. "
            f"Received: {len(names)} names, {len(set(names))} of them distinct"
        )
    stat = file.stat()
    state = {"path": str(file.resolve()), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}
    return features, {name: row for row, name in enumerate(names)}, state


def _matched(files: Sequence[str], names: Mapping[str, int], directory: Path) -> np.ndarray:
    """Returns the row of each file, int `(n,)`, or -1 if it has none."""
    # One spelling of accented letters: some file systems write them as two characters.
    by_path = {_parts(name): name for name in names}
    if () in by_path:
        raise ValueError(
            f"'{directory}' must name the file of each row. Received: {by_path[()]!r:.80}"
        )
    by_last: dict[str, list[str]] = {}
    for parts, name in by_path.items():
        by_last.setdefault(parts[-1], []).append(name)
    rows = np.full(len(files), _NONE)
    owners: dict[str, int] = {}
    for index, file in enumerate(files):
        parts = _parts(file)
        ends = (parts[start:] for start in range(max(1, len(parts) - 1)))
        name = next((by_path[end] for end in ends if end in by_path), None)
        if name is None:
            candidates = by_last.get(parts[-1], [])
            if len(candidates) > 1:
                raise ValueError(
                    f"{file!r} could mean {candidates[0]!r} or {candidates[1]!r} in '{directory}': "
                    "the corpus must say more of its pictures' paths"
                )
            name = candidates[0] if candidates else None
        if name is None or names[name] == _NONE:
            continue
        if name in owners:
            raise ValueError(
                f"two images are {name!r} in '{directory}': {files[owners[name]]!r} and {file!r}"
            )
        rows[index], owners[name] = names[name], index
    return rows


def _parts(name: str) -> tuple[str, ...]:
    return PurePath(unicodedata.normalize("NFC", str(name))).parts


def _ordered(features: np.ndarray, rows: np.ndarray, state: dict) -> np.ndarray:
    """Returns the rows as a memory map."""
    if "images" not in state:
        return ordered_rows(features, rows, {**state, "rows": rows.tolist()})
    # Only these pictures tell the rows: more may come to the directory.
    named = {row.row: (name, *row) for name, row in state["images"].items()}
    images = [named[row] for row in rows.tolist()]
    return ordered_rows(features, rows, {**state, "images": images})
