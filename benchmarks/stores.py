"""An index in each store and type: building, adding, searching, memory, disk, and what is found.

    python -m benchmarks.stores
    python -m benchmarks.stores --sizes=1000000

Fills `tb_keras.search.ImageTextIndex` with vectors, adds some more, and searches it, each store and
type in a process of its own, in turn. The vectors stand for embeddings: each is a mixture of two
real ones, MiniLM's of OpenMoji's texts, with noise, turned into the wanted number of dimensions.
Queries are made in the same way, and what they should find is known from a product with all
vectors. Writes stores.md and stores.json beside this file; what is in the JSON is not measured
again. Linux only.
"""

from __future__ import annotations

import functools
import multiprocessing
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.choices.ablation import measured_in_turn
from benchmarks.pages import measured_on, process_memory, write_page
from tb_keras.datasets import load
from tb_keras.features import encode_texts
from tb_keras.search import ImageTextIndex
from tb_keras.search.index import highest_rows

_SIZES = flags.DEFINE_list("sizes", ["10000", "100000"], "Numbers of vectors.")
_DIM = flags.DEFINE_integer("dim", 512, "Their dimensions.")
_ADDED = flags.DEFINE_integer("added", 1000, "Vectors that are added to a built index.")
_QUERIES = flags.DEFINE_integer("queries", 100, "Queries.")
_STORES = flags.DEFINE_list(
    "stores",
    [
        *("exact float32", "exact float16", "exact int8", "exact binary"),
        *("faiss float32", "faiss float16", "qdrant float32"),
        *("lancedb float32", "lancedb int8", "lancedb binary"),
    ],
    "Stores and types.",
)
_SCRATCH = flags.DEFINE_string("scratch", None, "Folder with room for the vectors and indexes.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_NOISE = 0.3  # the length of the noise beside a mixture of length 1
_K = 10
_BATCH = 64  # queries at a time
_TURNS = 5  # of the queries at a time
_BLOCK_ROWS = 20_000
_OF_QDRANT = 20_000  # vectors that its client keeps without a server
_COLUMNS = {
    "build": "build, CPU s",
    "add": "add, CPU s",
    "one": "1 query, CPU ms",
    "lowest": "lowest, ms",
    "many": f"{_BATCH} queries, CPU ms",
    "memory": "memory, MiB",
    "disk": "disk, MB",
    "recall": f"recall@{_K}, %",
}


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(_DIRECTORY.value) / "stores.json"
    settings = {
        f"{int(size):,}, {store}": {"size": int(size), "store": store}
        for size in _SIZES.value
        for store in _STORES.value
        if not store.startswith("qdrant") or int(size) + _ADDED.value <= _OF_QDRANT
    }
    with tempfile.TemporaryDirectory(dir=_SCRATCH.value) as folder:
        measure = functools.partial(_in_a_process, Path(folder))
        measured = measured_in_turn(file, settings, 1, measure)
    known = {key.removesuffix(", seed 0"): row for key, row in measured.items()}
    rows = [
        [*name.rsplit(", ", 1), *(f"{row[column]:,.4g}" for column in _COLUMNS)]
        for name, row in sorted(known.items(), key=lambda named: (_size_of(named[0]), named[0]))
    ]
    table = tabulate(
        rows, ["vectors", "store", *_COLUMNS.values()], "github", disable_numparse=True
    )
    page = f"""# Stores of an index

Written by `python -m benchmarks.stores`: `ImageTextIndex` with vectors of {_DIM.value} dimensions \
that are made: **mixtures of two real embeddings** (MiniLM's of OpenMoji's texts) **with noise**. \
{_ADDED.value:,} vectors are added to the built index. Then {_QUERIES.value} queries are asked, \
made in the same way, one by one and {_BATCH} at a time, for {_K} answers, with the lookup of the \
identifiers. CPU is the time of all cores together (the median, of queries), and lowest is that of \
the clock for the fastest query. Memory is the highest of the process above that before it opens \
the built index to search it, with the pages of files that it has read. Disk is all of the index. \
Each store and type is measured in a process of its own, in turn. {measured_on()}

{table}
"""
    write_page(file, page)


def _size_of(name: str) -> int:
    return int(name.rsplit(", ", 1)[0].replace(",", ""))


def _in_a_process(folder: Path, setting: dict, seed: int) -> dict[str, float]:
    vectors = _vectors_file(folder, setting["size"], seed)
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as processes:
        arguments = folder, vectors, setting["store"], _ADDED.value, _QUERIES.value, seed
        return processes.apply(_measured, arguments)


def _vectors_file(folder: Path, size: int, seed: int) -> Path:
    """Returns a file with the vectors of the index, of what is added, and of the queries."""
    file = folder / f"{size}-{seed}.npy"
    if not file.exists():
        for other in folder.glob("*.npy"):
            other.unlink()
        rng = np.random.default_rng(seed)
        shape = size + _ADDED.value + _QUERIES.value, _DIM.value
        vectors = np.lib.format.open_memmap(file, "w+", np.float32, shape)
        real = _real_embeddings(rng)
        for start in range(0, shape[0], _BLOCK_ROWS):
            count = len(vectors[start : start + _BLOCK_ROWS])
            first, second = real[rng.integers(len(real), size=(2, count))]
            weight = rng.random((count, 1), dtype=np.float32)
            noise = _NOISE / np.sqrt(_DIM.value) * rng.standard_normal((count, _DIM.value))
            vectors[start : start + _BLOCK_ROWS] = _unit(
                _unit(weight * first + (1 - weight) * second) + noise
            )
        vectors.flush()
    return file


def _real_embeddings(rng: np.random.Generator) -> np.ndarray:
    texts = sorted(set(load("openmoji", split="all").texts))
    real = encode_texts(texts, "minilm")
    turned = np.linalg.qr(rng.standard_normal((max(real.shape[1], _DIM.value),) * 2))[0]
    return _unit(real @ turned[: real.shape[1], : _DIM.value]).astype(np.float32)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _measured(
    folder: Path, file: Path, named: str, added: int, queries: int, seed: int
) -> dict[str, float]:
    vectors, directory = np.load(file, mmap_mode="r"), folder / "index"
    store, dtype = named.split()
    model = SimpleNamespace(
        fingerprint=str(seed),
        embed_images=None,
        embed_texts=lambda texts: vectors[[int(text) for text in texts]],
    )
    names = [str(number) for number in range(len(vectors) - queries)]
    built, asked = names[: len(names) - added], np.array(vectors[len(names) :])
    figures, started = {}, time.process_time()
    index = ImageTextIndex.build(directory, model, texts=built, store=store, dtype=dtype)
    figures["build"], started = time.process_time() - started, time.process_time()
    index.add_texts(names[len(built) :])
    figures["add"] = time.process_time() - started
    index.close()
    figures["disk"] = sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()) / 1e6
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = process_memory("VmRSS")
    with ImageTextIndex(directory) as index:
        search = functools.partial(index.search, k=_K, of="texts")
        found = np.concatenate([search(some)[1] for some in np.split(asked, queries)])
        ones = [_taken(search, asked[query : query + 1]) for query in range(queries)]
        figures["one"], figures["lowest"] = np.median(ones, axis=0)[0], np.min(ones, axis=0)[1]
        batch = np.resize(asked, (_BATCH, asked.shape[1]))
        figures["many"] = np.median([_taken(search, batch) for _ in range(_TURNS)], axis=0)[0]
        figures["memory"] = process_memory("VmHWM") - before
        assert index.check() == []
    right = highest_rows(vectors[: len(names)], asked, _K)[1]
    same = [len({*map(int, a)} & {*b}) for a, b in zip(found, right.tolist())]
    figures["recall"] = 100 * np.mean(same) / _K
    shutil.rmtree(directory)
    return {name: float(value) for name, value in figures.items()}


def _taken(search: Callable, queries: np.ndarray) -> np.ndarray:
    """Returns the milliseconds of all cores together and those of the clock."""
    started = time.process_time(), time.perf_counter()
    search(queries)
    return 1e3 * np.subtract((time.process_time(), time.perf_counter()), started)


if __name__ == "__main__":
    app.run(main)
