"""Batches from sharded files of several formats beside those from memory maps: speed and memory.

    python -m benchmarks.shards
    python -m benchmarks.shards --images=20000

Makes features of many images and texts as memory maps, writes them as the shards of
`tb_keras.batching.write_shards`, TFRecord files, and beside these as Parquet and, where it is
installed, ArrayRecord (pip install array_record). Reads batches of each kind in a process of its
own, in turn. The features are random: what is measured is reading. Writes shards.md and shards.json
beside this file. Linux only.
"""

from __future__ import annotations

import functools
import importlib.util
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, process_memory, write_figures
from benchmarks.shard_formats import (
    array_record_batches,
    parquet_batches,
    write_array_record,
    write_parquet,
)
from tb_keras.batching import neighborhood_batches, sharded_batches, write_shards
from tb_keras.corpus import Corpus

_IMAGES = flags.DEFINE_integer("images", 400_000, "Images.")
_TEXTS = flags.DEFINE_integer("texts_per_image", 5, "Texts of each image.")
_DIMS = flags.DEFINE_list("dims", ["1024", "384"], "Dimensions of image and text features.")
_BATCHES = flags.DEFINE_integer("batches", 200, "Batches of each measurement.")
_PER_BATCH = flags.DEFINE_integer("images_per_batch", 500, "Images of a batch, 2 texts each.")
_SHARD = flags.DEFINE_integer("images_per_shard", 10_000, "Images of a file.")
_SHUFFLED = flags.DEFINE_integer("shuffled_images", 20_000, "Images that are mixed in memory.")
_TURNS = flags.DEFINE_integer("turns", 3, "Turns, of which the best is shown.")
_SCRATCH = flags.DEFINE_string("scratch", None, "Folder with room for both.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_BLOCK_ROWS = 50_000
_EACH = "a batch, ms"
_MAPS, _SHARDS, _PARQUET, _ARRAY_RECORD = (
    *("memory maps", "shards (TFRecord)"),
    *("Parquet, row groups", "ArrayRecord, any order"),
)


def main(arguments: list[str]) -> None:
    del arguments
    with tempfile.TemporaryDirectory(dir=_SCRATCH.value) as folder:
        scratch = Path(folder)
        for view, count in (("image", _IMAGES.value), ("text", _IMAGES.value * _TEXTS.value)):
            _fill(scratch / f"{view}.npy", count, int(_DIMS.value[view == "text"]))
        corpus = _corpus(scratch)
        writers = {
            _SHARDS: lambda to: write_shards(corpus, to, _SHARD.value, verbose=False),
            _PARQUET: functools.partial(_write, write_parquet, corpus),
            _ARRAY_RECORD: functools.partial(_write, write_array_record, corpus),
        }
        if importlib.util.find_spec("array_record") is None:
            del writers[_ARRAY_RECORD]
        writing = {}
        for kind, write in writers.items():
            started = time.monotonic()
            write(scratch / kind)
            writing[kind] = time.monotonic() - started
        settings = {
            "images_per_batch": _PER_BATCH.value,
            "batches": _BATCHES.value,
            "texts": _TEXTS.value,
            "dims": tuple(map(int, _DIMS.value)),
            "shuffled": _SHUFFLED.value,
        }
        figures: dict[str, dict[str, float]] = {}
        for _ in range(_TURNS.value):
            for kind in (_MAPS, *writers):
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    found = pool.apply(_read, (kind, str(scratch), settings))
                before = figures.get(kind, found)
                figures[kind] = {name: min(found[name], before[name]) for name in found}
    for kind, seconds in writing.items():
        figures[kind]["to write, s"] = seconds
    ratio = figures[_SHARDS][_EACH] / figures[_PARQUET][_EACH]
    rows = [[name, *row.values()] for name, row in figures.items()]
    headers = ["", *figures[_SHARDS]]
    page = f"""# Batches from shards

Written by `python -m benchmarks.shards --images={_IMAGES.value}`: {_IMAGES.value:,} images of \
{_DIMS.value[0]} numbers and {_IMAGES.value * _TEXTS.value:,} texts of {_DIMS.value[1]}, random; \
batches of {_PER_BATCH.value} images with 2 texts each; {_BATCHES.value} batches, the best of \
{_TURNS.value} turns; {_SHUFFLED.value:,} images are mixed in memory. The files had just been \
written, so they may lie in the memory of the operating system. Memory is the highest of the \
process beyond its libraries, and counts pages of mapped files. The load average of the \
machine, which others use too, was {os.getloadavg()[1]:.1f}. {measured_on()}

{tabulate(rows, headers, "github", floatfmt=".1f")}

All kinds give the same: features as float32, and the four masks. Parquet is read a row group of \
500 images at a time; ArrayRecord finds every record, so nothing is mixed in memory. A batch from \
TFRecord takes {ratio:.2f} of the time of one from Parquet. The package writes TFRecord alone: \
TensorFlow reads it without another library, from all addresses that it reaches, and without \
Python in between. Another format would have to be read far faster.
"""
    write_figures(Path(_DIRECTORY.value) / "shards.json", figures, page)


def _fill(file: Path, rows: int, dim: int) -> None:
    rng = np.random.default_rng(0)
    matrix = np.lib.format.open_memmap(file, "w+", np.float16, (rows, dim))
    block = rng.standard_normal((_BLOCK_ROWS, dim), np.float32).astype(np.float16)
    for first in range(0, rows, _BLOCK_ROWS):
        matrix[first : first + _BLOCK_ROWS] = block[: rows - first]
    matrix.flush()


def _corpus(scratch: Path) -> Corpus:
    images, texts = (np.load(scratch / f"{v}.npy", mmap_mode="r") for v in ("image", "text"))
    image_of = np.repeat(np.arange(len(images)), len(texts) // len(images))
    return Corpus(image_of, image_features=images, text_features=texts)


def _write(write, corpus: Corpus, folder: Path) -> None:
    folder.mkdir()
    write(corpus.image_features, corpus.text_features, folder, _SHARD.value)


def _read(kind: str, scratch: str, settings: dict) -> dict[str, float]:
    """Reads batches; returns milliseconds of one, of the first, and the memory in MiB."""
    before = process_memory("VmRSS")
    started = time.monotonic()
    folder, per_batch = Path(scratch) / kind, settings["images_per_batch"]
    if kind == _SHARDS:
        batches = sharded_batches(folder, per_batch, shuffled_images=settings["shuffled"])
    elif kind == _PARQUET:
        batches = parquet_batches(folder, settings["dims"], per_batch, settings["shuffled"])
    elif kind == _ARRAY_RECORD:
        batches = array_record_batches(folder, settings["dims"], per_batch, settings["texts"])
    else:
        batches = neighborhood_batches(_corpus(Path(scratch)), per_batch)
    reader = iter(batches)
    next(reader)
    first = time.monotonic() - started
    started = time.monotonic()
    for _ in range(settings["batches"]):
        next(reader)
    each = (time.monotonic() - started) / settings["batches"]
    return {
        _EACH: 1e3 * each,
        "the first, s": first,
        "memory, MiB": process_memory("VmHWM") - before,
    }


if __name__ == "__main__":
    app.run(main)
