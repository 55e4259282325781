"""Search in the graph beside the bare product and the search in NumPy: time and memory.

    python -m benchmarks.graph_search

For each number of queries: the bare product with all embeddings in one TensorFlow graph, whose
answers nobody has sorted; `tb_keras.search.top_k` in a graph, over embeddings stored in float32,
bfloat16 and float16; and `tb_keras.search.Index`. All in turns, over and over, so that each sees
the same machine. Memory is that of a larger number of queries, each method in a process of its
own. Writes graph_search.md and graph_search.json beside this file. Memory on Linux only.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, process_memory, write_figures
from tb_keras.search import Index
from tb_keras.search.top_k import top_k

_ROWS = flags.DEFINE_integer("rows", 100_000, "How many embeddings.")
_DIM = flags.DEFINE_integer("dim", 512, "Their size.")
_QUERIES = flags.DEFINE_list("queries", ["1", "8", "64"], "Numbers of queries.")
_K = flags.DEFINE_integer("k", 10, "How many rows to find for each.")
_MEMORY_QUERIES = flags.DEFINE_integer(
    "memory_queries", 1000, "Queries to measure memory with, each method in a process of its own."
)
_TURNS = flags.DEFINE_integer("turns", 20, "Calls of each.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_BARE, _NUMPY = "bare product", "Index, NumPy"


def main(arguments: list[str]) -> None:
    del arguments
    rng, counts = np.random.default_rng(0), [int(count) for count in _QUERIES.value]
    embeddings = _unit_rows(rng, _ROWS.value, _DIM.value)
    methods = _methods(embeddings, _K.value)
    measured = {}
    for count in counts:
        queries = _unit_rows(rng, count, _DIM.value)
        for name, figures in _measure(methods, queries).items():
            measured[f"{count} queries, {name}"] = figures
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        for name in methods if _MEMORY_QUERIES.value else ():
            sizes = (_ROWS.value, _DIM.value, _MEMORY_QUERIES.value, _K.value)
            memory = processes.apply(_peak, (name, *sizes))
            key = f"{_MEMORY_QUERIES.value} queries, {name}"
            measured.setdefault(key, {})["memory"] = round(memory, 1)
    columns = ("median", "lowest", "cpu", "ratio", "found", "memory")
    titles = ("ms, median", "ms, lowest", "CPU ms", "CPU × bare product", "% found", "MiB")
    rows = [
        [name, *(f"{row[column]:.4g}" if column in row else "" for column in columns)]
        for name, row in measured.items()
    ]
    page = f"""# Search in the graph

Written by `python -m benchmarks.graph_search`: the best {_K.value} of {_ROWS.value:,} embeddings \
of {_DIM.value} ({embeddings.nbytes / 2**20:.0f} MiB in float32), {_TURNS.value} calls in turns. \
CPU is the median time of all cores together, and its ratio that to the bare product; found is the \
share of the rows that NumPy finds in float32; memory is what a first search of a process needs \
beyond the embeddings. {measured_on()}

{tabulate(rows, ["", *titles], "github", disable_numparse=True)}
"""
    file = Path(_DIRECTORY.value) / "graph_search.json"
    write_figures(file, measured, page)


def _unit_rows(rng: np.random.Generator, count: int, dim: int) -> np.ndarray:
    rows = rng.standard_normal((count, dim), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _methods(embeddings: np.ndarray, k: int) -> dict[str, Callable]:
    """From queries to scores and rows, by name; the bare product gives scores alone."""
    spec = tf.TensorSpec((None, embeddings.shape[1]))
    variable = tf.Variable(embeddings, trainable=False)

    @tf.function(input_signature=[spec])
    def product(queries):
        return tf.matmul(queries, variable, transpose_b=True), None

    def searched(stored: tf.Variable) -> Callable:
        @tf.function(input_signature=[spec])
        def search(queries):
            return top_k(queries, stored, tf.fill(tf.shape(queries)[:1], k))

        return search

    methods = {_BARE: product, "top_k, float32": searched(variable)}
    for dtype in ("bfloat16", "float16"):
        half = tf.Variable(tf.cast(variable, dtype), trainable=False)
        methods[f"top_k, {dtype}"] = searched(half)
    index = Index(embeddings)
    return {**methods, _NUMPY: lambda queries: index.search(queries, k)}


def _measure(methods: dict[str, Callable], queries: np.ndarray) -> dict[str, dict]:
    _, right = methods[_NUMPY](queries)
    figures, taken = {}, {name: [] for name in methods}
    for name, method in methods.items():
        _, rows = method(queries)
        figures[name] = {}
        if rows is not None:
            found = np.asarray(rows)[:, :, None] == right[:, None]
            figures[name]["found"] = 100 * found.any(axis=1).mean()
    for _ in range(_TURNS.value):
        for name, method in methods.items():
            started = time.perf_counter(), time.process_time()
            np.asarray(method(queries)[0])
            ended = time.perf_counter(), time.process_time()
            taken[name].append(1e3 * np.subtract(ended, started))
    bare = np.median(taken[_BARE], axis=0)[1]
    for name, calls in taken.items():
        median, cpu = np.median(calls, axis=0)
        lowest = np.min(calls, axis=0)[0]
        figures[name] |= {"median": median, "lowest": lowest, "cpu": cpu, "ratio": cpu / bare}
    return {
        name: {key: round(float(value), 3) for key, value in row.items()}
        for name, row in figures.items()
    }


def _peak(name: str, rows: int, dim: int, count: int, k: int) -> float:
    """The highest memory of a process above that before its first search, in MiB.

    Of a process of its own: one that has searched keeps memory that the next search takes again.
    """
    rng = np.random.default_rng(0)
    method = _methods(_unit_rows(rng, rows, dim), k)[name]
    queries = _unit_rows(rng, count, dim)
    method(queries[:0])  # traced and planned
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = process_memory("VmRSS")
    method(queries)
    return process_memory("VmHWM") - before


if __name__ == "__main__":
    app.run(main)
