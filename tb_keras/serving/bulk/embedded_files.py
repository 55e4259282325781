"""The embeddings that a pipeline has written, to be put into an index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tb_keras.search import EmbeddedItem
from tb_keras.serving.bulk.embedded_parts import MODEL


class EmbeddedFiles(Sequence[EmbeddedItem]):
    """The items of Parquet files in their order, of which one file is in memory.

    Args:
        files: as `embed_part` writes them; or any with columns `id` (string), `path` (string, or
            null throughout for texts) and `embedding` (lists of floats of one length).
        fingerprint: of the model that must have made them.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if a file lacks a column, is of another model, or some files are of pictures and
            others of texts.
    """

    def __init__(self, files: Sequence[str], fingerprint: str):
        from pyarrow import parquet

        if not files:
            raise FileNotFoundError("`files` must be Parquet files. Received: none")
        counts, kinds = [], set()
        for file in files:
            opened = parquet.ParquetFile(file)
            schema = opened.schema_arrow
            missing = {"id", "path", "embedding"} - set(schema.names)
            if missing:
                raise ValueError(
                    f"{file} must have columns id, path and embedding. Received: none called "
                    f"{', '.join(sorted(missing))}"
                )
            if (schema.metadata or {}).get(MODEL, b"").decode() != fingerprint:
                raise ValueError(f"{file} has the embeddings of another model")
            counts.append(opened.metadata.num_rows)
            if counts[-1]:
                (first,) = next(opened.iter_batches(1, columns=["path"])).column(0).to_pylist()
                kinds.add("texts" if first is None else "images")
        if len(kinds) > 1:
            raise ValueError("`files` must be all of pictures or all of texts. Received: both")
        self._files, self._ends = list(files), np.cumsum(counts)
        self._opened: tuple[int, list[EmbeddedItem]] | None = None

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, number):
        if isinstance(number, slice):
            return [self[row] for row in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        place = int(np.searchsorted(self._ends, number, side="right"))
        if self._opened is None or self._opened[0] != place:
            self._opened = place, _items(self._files[place])
        first = self._ends[place] - len(self._opened[1])
        return self._opened[1][number - first]


def _items(file: str) -> list[EmbeddedItem]:
    from pyarrow import parquet

    table = parquet.read_table(file, columns=["id", "path", "embedding"])
    ids, paths = (table.column(name).to_pylist() for name in ("id", "path"))
    embeddings = table.column("embedding").combine_chunks()
    rows = np.asarray(embeddings.flatten(), np.float32).reshape(len(ids), -1)
    return list(map(EmbeddedItem, ids, paths, rows))
