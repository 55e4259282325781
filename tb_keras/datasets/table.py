"""One's own data: a table file with one row for each pair of an image and a text."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from tb_keras.corpus import Corpus
from tb_keras.matches import Matches

_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def load_table(
    directory: str | os.PathLike,
    split: str = "all",
    image_column: str = "image",
    text_column: str = "text",
    language: str | None = None,
) -> Corpus:
    """Reads a table of image-text pairs.

    The same image path in several rows is one image, the same string one text; so a table says
    which texts an image has and which images a text has. Further columns are ignored, but for
    `split`: where the table has this column, it holds the part that a row belongs to (any names).
    Where it has none, "train", "validation" and "test" are 80%, 10% and 10% of the images, by a
    hash of the image's path as the table writes it.

    Args:
        directory: the file, in UTF-8: `.csv` or `.tsv` with a header line, or `.jsonl` with one
            object a line.
        split: the part to read, or "all".
        image_column: the column of the pictures' paths, relative to the table's folder.
        text_column: the column of the texts.
        language: the texts' language, kept as the text attribute "language".

    Returns:
        A `Corpus` of `image_paths` and `texts`, in the order of first appearance.

    Raises:
        FileNotFoundError: if the table or a picture is not there; the message names the line.
        ValueError: if the file is of another type, empty, damaged or not in UTF-8, a column is
            missing, a text is empty, or an image is in two splits; the message names the line.

    Example:

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "dog.png").write_bytes(b"a picture")
    >>> _ = (folder / "pairs.csv").write_text("image,text\\ndog.png,a dog\\ndog.png,a pet\\n")
    >>> load_table(folder / "pairs.csv")
    Corpus(1 images, 2 texts, 2 pairs; image_paths, texts)
    """
    path = Path(directory)
    images: dict[str, int] = {}
    texts: dict[str, int] = {}
    pairs, splits, has_split = [], {}, None
    for line, row in _rows(path):
        image = _string(path, line, row, image_column)
        text = _string(path, line, row, text_column)
        has_split = "split" in row if has_split is None else has_split
        if has_split != ("split" in row):
            raise ValueError(f"{path}, line {line}: either all rows or none must have 'split'")
        row_split = _string(path, line, row, "split") if has_split else split_of(image)
        if splits.setdefault(image, row_split) != row_split:
            raise ValueError(
                f"{path}, line {line}: {image!r} is in {row_split!r}, before in {splits[image]!r}"
            )
        if split not in ("all", row_split):
            continue
        if image not in images and not (path.parent / image).is_file():
            raise FileNotFoundError(f"{path}, line {line}: there is no picture {image!r}")
        pairs.append((images.setdefault(image, len(images)), texts.setdefault(text, len(texts))))
    if not splits:
        raise ValueError(f"{path} has no rows")
    if not pairs:
        known = ", ".join(map(repr, ["all", *sorted(set(splits.values()))]))
        raise ValueError(f"`split` must be one of {known}, which {path} has. Received: {split!r}")
    return Corpus(
        Matches(pairs, len(images), len(texts)),
        image_paths=[str(path.parent / image) for image in images],
        texts=list(texts),
        text_attributes={} if language is None else {"language": [language] * len(texts)},
    )


def split_of(image: str) -> str:
    """Returns the split of an image by a hash of its path: 80% train, 10% validation, 10% test.

    Example:

    >>> split_of("dog.png"), split_of("cat.png")
    ('train', 'train')
    """
    digest = hashlib.sha256(image.encode()).digest()
    tenth = int.from_bytes(digest[:6], "big") * 10 >> 48
    return {8: "validation", 9: "test"}.get(tenth, "train")


def _rows(path: Path) -> Iterator[tuple[int, dict]]:
    """Yields the rows, each with the number of the line it ends in, counted from 1."""
    if path.suffix == ".jsonl":
        for number, line in enumerate(_lines(path), 1):
            if line.strip():
                yield number, _json_object(path, number, line)
    elif path.suffix in _DELIMITERS:
        reader = csv.DictReader(_lines(path), delimiter=_DELIMITERS[path.suffix], strict=True)
        try:
            for row in reader:
                if None in row:
                    raise csv.Error(
                        "more fields than the header; a text with a delimiter is quoted"
                    )
                yield reader.line_num, row
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.reader.line_num}: {error}") from error
    else:
        raise ValueError(f"`directory` must be a .csv, .tsv or .jsonl file. Received: '{path}'")


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                # A byte order mark, which spreadsheets write, is no part of the first column.
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path}, line {number}: not in UTF-8 ({error})") from error


def _json_object(path: Path, number: int, line: str) -> dict:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {number}: no JSON ({error})") from error
    if not isinstance(row, dict):
        raise ValueError(f"{path}, line {number}: expected a JSON object. Received: {line.strip()}")
    return row


def _string(path: Path, number: int, row: dict, column: str) -> str:
    if column not in row:
        columns = ", ".join(map(repr, row))
        raise ValueError(f"{path}, line {number}: no column {column!r}, there are {columns}")
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(
            f"{path}, line {number}: {column!r} must be a string that is not empty. "
            f"Received: {value!r}"
        )
    return value
