"""A pipeline of Apache Beam that embeds files of pictures or texts."""

from __future__ import annotations

import collections
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.utils.shared import Shared

from tb_keras.serving.bulk.embedded_parts import KINDS, Embedded, embed_part
from tb_keras.serving.bulk.parts import Part, parts_of
from tb_keras.serving.exported.model import ExportedModel

_SPACE = "tb_keras"


class EmbedFiles(beam.PTransform):
    """Embeds the items of each file by an exported model, and writes them to Parquet files.

    From a collection of files, as `parts_of` takes them, it makes one of `Embedded`, one for each
    part. A part is written by one worker, whole or not at all, so a worker that is lost or repeated
    loses and doubles nothing, and the files are the same however many workers there are.

    Args:
        model: directory of the exported model, which all workers see.
        output: directory to write to, which all workers see.
        of: `"images"` or `"texts"`.
        column: of Parquet files.
        items_per_part: positive int.
    """

    def __init__(
        self,
        model: str,
        output: str,
        of: str = "images",
        column: str | None = None,
        items_per_part: int = 10_000,
    ):
        super().__init__()
        self._model, self._output = model, output
        self._of, self._column, self._items_per_part = of, column, items_per_part

    def expand(self, files):
        return (
            files
            | beam.FlatMap(self._parts_of)
            | beam.Reshuffle()
            | beam.ParDo(_EmbedParts(self._model, self._output))
        )

    def delete_others(self, file: str) -> None:
        """Deletes what was written about a file when it had other parts, or more of them."""
        names = {part.name for part in self._parts_of(file)}
        numbered = f"{glob.escape(os.path.basename(file))}-{10 * '[0-9]'}"
        for kind in KINDS:
            for written in Path(self._output).glob(f"{kind}-{numbered}.parquet"):
                if written.stem.removeprefix(f"{kind}-") not in names:
                    written.unlink()

    def _parts_of(self, file: str) -> Iterator[Part]:
        return parts_of(file, self._of, self._column, self._items_per_part)


class _EmbedParts(beam.DoFn):
    def __init__(self, model: str, output: str):
        self._directory, self._output = model, output
        self._shared = Shared()  # one model for all threads of a process

    def setup(self):
        self._model = self._shared.acquire(lambda: ExportedModel(self._directory))

    def process(self, part: Part):
        done = embed_part(self._model, part, self._output)
        for name, count in done._asdict().items():
            Metrics.counter(_SPACE, name).inc(count)
        yield done


def embed_files(
    files: Sequence[str], transform: EmbedFiles, options: Sequence[str] = ()
) -> Embedded:
    """Runs a pipeline over files, and returns what became of all items.

    It deletes what was written before about items that the files no longer have.

    Args:
        files: as `parts_of` takes them, with distinct names.
        transform: what to do with them.
        options: of Beam, such as `"--runner=FlinkRunner"`.

    Raises:
        ValueError: if two files have one name.
        RuntimeError: if the pipeline fails.
    """
    counts = collections.Counter(map(os.path.basename, files))
    if twice := [name for name, count in counts.items() if count > 1]:
        raise ValueError(f"`files` must have distinct names. Received: {twice[0]!r} twice")
    pipeline = beam.Pipeline(argv=list(options))
    pipeline | beam.Create(list(files)) | transform
    result = pipeline.run()
    result.wait_until_finish()
    for file in files:
        transform.delete_others(file)
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(_SPACE))
    totals = {counter.key.metric.name: counter.committed for counter in found["counters"]}
    return Embedded(*(totals.get(name, 0) for name in Embedded._fields))
