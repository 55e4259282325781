"""The directory of a corpus: `Corpus.save` writes it, `Corpus.load` checks and opens it.

corpus.json          format version, numbers of images and texts, the size of each file, the columns
                     of each table
matches.npy          int32 (p, 2), the matching pairs
ignored.npy          int32 (q, 2), the ignored pairs, if there are any
image_features.npy   the feature matrices, opened as memory maps
text_features.npy
images.jsonl         a JSON object for each image: path and attributes
texts.jsonl          a JSON object for each text: the string and attributes
pictures.jsonl       with a grounding, a JSON object for each picture: path, width, height
region_pictures.npy  with a grounding, int32 (n,); phrase_pictures.npy, int32 (m,)
region_boxes.npy     with a grounding, float32 (n, 4); phrase_boxes.npy, float32 (m, 4)
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.matches import Matches
from tb_keras.storage.atomic_file import directory_beside
from tb_keras.storage.numpy_files import open_array

_VERSION = 1
_GROUNDING = ("region_pictures", "region_boxes", "phrase_pictures", "phrase_boxes")
_ARRAYS = ("image_features", "text_features", "matches", "ignored", *_GROUNDING)


def write_parts(
    directory: str | os.PathLike,
    *,
    matches: Matches,
    image_features: np.ndarray | None,
    text_features: np.ndarray | None,
    image_paths: Sequence[str] | None,
    texts: Sequence[str] | None,
    image_attributes: Mapping[str, Sequence],
    text_attributes: Mapping[str, Sequence],
    grounding: Grounding | None,
) -> None:
    """Writes the arguments of a `Corpus` to a new directory, which appears when it is complete.

    Raises:
        FileExistsError: if `directory` exists.
        ValueError: if an attribute has the name of a column that the table has already, or a value
            is no JSON.
    """
    directory = Path(directory)
    if directory.exists():
        raise FileExistsError(f"`directory` must not exist yet. Received: {str(directory)!r}")
    with directory_beside(directory) as unfinished:
        arrays = {
            "image_features": image_features,
            "text_features": text_features,
            "matches": matches.pairs,
            "ignored": matches.ignored if len(matches.ignored) else None,
            **{name: getattr(grounding, name, None) for name in _GROUNDING},
        }
        for name, array in arrays.items():
            if array is not None:
                np.save(unfinished / f"{name}.npy", array)
        tables = {
            "images": _columns("image_attributes", image_attributes, "path", image_paths),
            "texts": _columns("text_attributes", text_attributes, "text", texts),
            "pictures": _picture_columns(grounding),
        }
        for name, columns in tables.items():
            if columns:
                _write_rows(unfinished / f"{name}.jsonl", columns)
        sizes = {file.name: file.stat().st_size for file in sorted(unfinished.iterdir())}
        description = {
            "version": _VERSION,
            "num_images": matches.num_images,
            "num_texts": matches.num_texts,
            "files": sizes,
            "columns": {name: list(columns) for name, columns in tables.items()},
        }
        (unfinished / "corpus.json").write_text(json.dumps(description, indent=2) + "\n")
        os.rename(unfinished, directory)


# The errors that a damaged description or row raises.
_DAMAGES = (LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def read_parts(directory: str | os.PathLike) -> dict[str, Any]:
    """Returns the arguments of the `Corpus` in a directory, with features as memory maps.

    Raises:
        FileNotFoundError: if there is no corpus.
        ValueError: if a file is damaged.
    """
    directory = Path(directory)
    file = directory / "corpus.json"
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
        if description["version"] != _VERSION:
            raise ValueError(
                f"`directory` must hold a corpus of version {_VERSION}. "
                f"Received: version {description['version']} in {str(directory)!r}"
            )
        return _opened(directory, description)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"`directory` must hold a corpus (a file corpus.json). Received: {str(directory)!r}"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, *_DAMAGES) as error:
        raise ValueError(f"{str(file)!r} is damaged: {error!r:.200}") from error


def _opened(directory: Path, description: dict) -> dict[str, object]:
    files, columns = description["files"], description["columns"]
    for name, size in files.items():
        file = directory / name
        found = file.stat().st_size if file.exists() else "no file"
        if found != size:
            raise ValueError(f"{str(file)!r} is damaged: expected {size} bytes, found {found}")
    arrays = {
        name: open_array(directory / f"{name}.npy") for name in _ARRAYS if f"{name}.npy" in files
    }
    arrays |= {name: np.array(array) for name, array in arrays.items() if "features" not in name}
    images = _read_rows(directory / "images.jsonl", columns["images"])
    texts = _read_rows(directory / "texts.jsonl", columns["texts"])
    pictures = _read_rows(directory / "pictures.jsonl", columns.get("pictures", ()))
    grounding = None
    if pictures:
        sizes = np.stack([pictures["width"], pictures["height"]], axis=1)
        grounded = {name: arrays.pop(name) for name in _GROUNDING}
        grounding = Grounding(pictures["path"], sizes, **grounded)
    elif set(_GROUNDING) & set(arrays):
        raise KeyError("no pictures for the regions and phrases")
    matches = Matches(
        arrays.pop("matches"),
        description["num_images"],
        description["num_texts"],
        ignored=arrays.pop("ignored", None),
    )
    return {
        "matches": matches,
        "image_paths": images.pop("path", None),
        "texts": texts.pop("text", None),
        "image_attributes": images,
        "text_attributes": texts,
        "grounding": grounding,
        **arrays,
    }


def _picture_columns(grounding: Grounding | None) -> dict[str, Sequence]:
    if grounding is None:
        return {}
    width, height = grounding.picture_sizes.T
    return {"path": grounding.picture_paths, "width": width, "height": height}


def _columns(
    argument: str, attributes: Mapping[str, Sequence], key: str, values: Sequence[str] | None
) -> dict[str, Sequence]:
    if key in attributes:
        raise ValueError(
            f"`{argument}` must not have the name {key!r}, which is taken. "
            f"Received: {sorted(attributes)}"
        )
    return {**({} if values is None else {key: values}), **attributes}


def _write_rows(file: Path, columns: Mapping[str, Sequence]) -> None:
    # NumPy's values are no JSON; `tolist` makes Python's of whole columns.
    rows = zip(*(v.tolist() if isinstance(v, np.ndarray) else v for v in columns.values()))
    with file.open("wb") as stream:
        for number, row in enumerate(rows):
            try:
                stream.write(_json_line(dict(zip(columns, row))))
            except (TypeError, ValueError):
                for name, value in zip(columns, row):
                    _check_json(f"{name!r} of the {file.stem}", value, number)
                raise


def _json_line(value: object) -> bytes:
    def plain(inner: object):
        if isinstance(inner, (np.generic, np.ndarray)):
            return inner.tolist()
        raise TypeError

    return json.dumps(value, ensure_ascii=False, default=plain).encode() + b"\n"


def _check_json(what: str, value: object, row: int) -> None:
    try:
        _json_line(value)
    except (TypeError, ValueError):
        raise ValueError(
            f"{what} must be JSON in UTF-8. Received: {value!r:.80} in row {row}"
        ) from None


def _read_rows(file: Path, columns: Sequence[str]) -> dict[str, list]:
    if not columns:
        return {}
    with file.open(encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    return {name: [row[name] for row in rows] for name in columns}
