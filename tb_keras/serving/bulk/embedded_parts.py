"""One part of a collection: embedded, and written as a Parquet file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tb_keras.serving.bulk.parts import Item, Part
from tb_keras.serving.exported.model import ExportedModel
from tb_keras.storage.atomic_file import written_beside
from tb_keras.storage.pictures.picture_reference import read_picture

MODEL = b"tb_keras.model"
"""The key of the model's fingerprint in the metadata of a file."""

KINDS = ("embeddings", "unreadable")
"""What the names of the written files begin with."""

_BATCH = 32


class Embedded(NamedTuple):
    """How many items of a part were embedded, could not be read, or were there from before."""

    embedded: int
    unreadable: int
    kept: int


def embed_part(model: ExportedModel, part: Part, directory: str) -> Embedded:
    """Embeds the items of a part, and writes `embeddings-NAME.parquet` into a directory.

    Its columns are `id`, `path` (of a picture, else null) and `embedding`, float32. Items that
    cannot be read are in `unreadable-NAME.parquet`, with `reason`. Each file is whole or not there,
    and has the same bytes however often it is written. What is there already, of the same items and
    model, stays.

    Args:
        model: embeds them.
        part: which items.
        directory: where to write.
    """
    import pyarrow as pa
    from pyarrow import parquet

    items = part.items()
    good, bad = (Path(directory) / f"{kind}-{part.name}.parquet" for kind in KINDS)
    kept = _kept(good, bad, model.fingerprint)
    if kept is not None and sorted(kept) == sorted(item.id for item in items):
        return Embedded(0, 0, len(items))
    embeddings, reasons = _embedded(model, part.of, items)
    paths = [item.content if part.of == "images" else None for item in items]
    rows = sorted(embeddings)
    dim = len(next(iter(embeddings.values()))) if embeddings else 0
    flat = np.concatenate([embeddings[row] for row in rows]) if rows else np.zeros(0, np.float32)
    described = {MODEL: model.fingerprint.encode()}
    columns = {
        "id": pa.array([items[row].id for row in rows], pa.string()),
        "path": pa.array([paths[row] for row in rows], pa.string()),
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), max(dim, 1)),
    }
    failed = {
        "id": pa.array([items[row].id for row in reasons], pa.string()),
        "path": pa.array([paths[row] for row in reasons], pa.string()),
        "reason": pa.array(list(reasons.values()), pa.string()),
    }
    bad.unlink(missing_ok=True)
    # That of the embeddings comes last: where it is, the part is done.
    for file, table in ((bad, failed), (good, columns)):
        if file == good or reasons:
            with written_beside(file) as beside:
                parquet.write_table(pa.table(table).replace_schema_metadata(described), beside)
    return Embedded(len(rows), len(reasons), 0)


def _kept(good: Path, bad: Path, fingerprint: str) -> list[str] | None:
    """Returns the items that are written already, None if not by this model."""
    from pyarrow import parquet

    ids: list[str] = []
    for file in (good, bad):
        if not file.exists():
            if file == good:
                return None
            continue
        table = parquet.read_table(file, columns=["id"])
        if (table.schema.metadata or {}).get(MODEL) != fingerprint.encode():
            return None
        ids += table.column("id").to_pylist()
    return ids


def _embedded(
    model: ExportedModel, of: str, items: Sequence[Item]
) -> tuple[dict[int, np.ndarray], dict[int, str]]:
    """Returns the embedding of each item, or why it cannot be read, by its number."""
    contents, reasons = _read(of, items)
    embed = _embed(model, of)
    embeddings: dict[int, np.ndarray] = {}
    rows = list(contents)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        found = embed([contents[row] for row in batch])
        if isinstance(found, str):  # one of them is bad
            for row in batch:
                alone = embed([contents[row]])
                if isinstance(alone, str):
                    reasons[row] = alone
                else:
                    embeddings[row] = alone[0]
        else:
            embeddings |= zip(batch, found)
    return embeddings, dict(sorted(reasons.items()))


def _read(of: str, items: Sequence[Item]) -> tuple[dict[int, bytes], dict[int, str]]:
    contents, reasons = {}, {}
    for row, item in enumerate(items):
        try:
            read = read_picture if of == "images" else str.encode
            contents[row] = read(item.content)
        except (OSError, ValueError) as error:
            reasons[row] = getattr(error, "strerror", None) or str(error)
    return contents, reasons


def _embed(model: ExportedModel, of: str) -> Callable[[Sequence[bytes]], np.ndarray | str]:
    """Returns a function from contents to embeddings, or to what is wrong with one of them.

    It fills up a batch, so that all have one shape: others may give other last bits.
    """
    import tensorflow as tf

    name, argument = {"images": ("embed_image", "image_bytes"), "texts": ("embed_text", "text")}[of]
    signature = model.signatures[name]

    def embed(contents: Sequence[bytes]) -> np.ndarray | str:
        filled = [*contents, *[contents[-1]] * (_BATCH - len(contents))]
        try:
            return signature(**{argument: tf.constant(filled)})["embedding"].numpy()[
                : len(contents)
            ]
        except tf.errors.InvalidArgumentError as error:
            return str(error.message).partition("\n")[0][:200]

    return embed
