"""A plan for a hundred million pictures: their cost, computed from what was measured.

    python -m benchmarks.plan
    python -m benchmarks.plan --picture_ms=4 --cores=32 --memory=256

Takes the costs of a picture and a text from flags, and those of the stores from stores.json, at its
largest size. From them it computes machine hours, disk and memory for one, ten and a hundred
million pictures, and how many shards a search tier needs. Then it measures the latencies of a
shard, simulates how long the slowest of several shards takes, and holds that against two real
shards that are asked at once. Put in your own costs by the flags. Writes plan.md and plan.json
beside this file.
"""

from __future__ import annotations

import concurrent.futures
import json
import math
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, write_figures
from tb_keras.search import EmbeddedItem, ImageTextIndex

_PICTURE = flags.DEFINE_float("picture_ms", 10.0, "Milliseconds of a machine for a picture.")
_TEXT = flags.DEFINE_float("text_ms", 3.0, "Milliseconds of a machine for a text.")
_CORES = flags.DEFINE_integer("cores", 2, "Cores of a machine.")
_MEMORY = flags.DEFINE_float("memory", 24.0, "GiB of a machine.")
_DIM = flags.DEFINE_integer("dim", 512, "Dimensions of an embedding.")
_LATENCY = flags.DEFINE_float("latency_ms", 50.0, "Milliseconds that an exact search may take.")
_SHARD = flags.DEFINE_integer("shard", 50_000, "Vectors of the shard that is measured.")
_QUERIES = flags.DEFINE_integer("queries", 300, "Queries of each measurement.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_MILLIONS = (1, 10, 100)
_BYTES = {"float32": 4.0, "float16": 2.0, "int8": 1.0, "binary": 1 / 8}
_STORES = ("exact float32", "faiss float32")
_FANS = (1, 2, 8, 32)
_SPARE = 0.5  # share of the memory that the embeddings may take


def main(arguments: list[str]) -> None:
    del arguments
    file = Path(_DIRECTORY.value) / "plan.json"
    size, costs = _measured_stores()
    tiers = _tiers()
    figures = {"stores": costs, "tiers": tiers}
    page = f"""# A hundred million pictures

Written by `python -m benchmarks.plan`: computed, not run. A machine has {_CORES.value} cores and \
{_MEMORY.value:g} GiB; a picture takes {_PICTURE.value:g} ms of it, a text {_TEXT.value:g} ms, an \
embedding {_DIM.value} dimensions. Stores cost what they did at {size:,} vectors \
([stores](stores.md)): building Faiss's graph grows with the logarithm of the number, all else in \
proportion.

## Work

{_work(size, costs)}

## Room

{_room()}

## Shards of the search

{_shards(size, costs)}

Exact search breaks first by its time, which grows with the embeddings; Faiss by its memory, for \
the graph lies in it beside the embeddings, while its time hardly grows.

## The slowest of several shards

The latencies of one shard of {_SHARD.value:,} vectors are drawn anew for each of several shards, \
and a query waits for the slowest. Two real shards are asked at once by two threads of this \
machine, which share its cores; on machines of their own they would not. {measured_on()}

{_tier_table(tiers)}
"""
    write_figures(file, figures, page)


def _measured_stores() -> tuple[int, dict[str, dict]]:
    """Returns the largest size in stores.json, and what each store cost there."""
    measured = json.loads((Path(__file__).parent / "stores.json").read_text())
    sizes = {int(name.partition(", ")[0].replace(",", "")) for name in measured}
    size = max(sizes)
    return size, {store: measured[f"{size:,}, {store}, seed 0"] for store in _STORES}


def _work(size: int, costs: dict[str, dict]) -> str:
    rows = []
    for millions in _MILLIONS:
        count = millions * 1e6
        grown = math.log(count) / math.log(size)
        built = [costs[s]["build"] / size * count / _CORES.value / 3600 for s in _STORES]
        hours = [count * ms / 3.6e6 for ms in (_PICTURE.value, _TEXT.value)]
        rows.append([f"{millions}", *hours, built[0], built[1] * grown])
    headers = ["million", "pictures, machine hours", "as many texts", "index exact", "index Faiss"]
    return tabulate(rows, headers, "github", floatfmt=".1f")


def _room() -> str:
    rows = [
        [name, *(f"{millions * 1e6 * _DIM.value * size / 1e9:,.1f}" for millions in _MILLIONS)]
        for name, size in _BYTES.items()
    ]
    headers = ["embeddings, GB", *(f"{millions} million" for millions in _MILLIONS)]
    return tabulate(rows, headers, "github", disable_numparse=True)


def _shards(size: int, costs: dict[str, dict]) -> str:
    """How many machines hold the embeddings, and how many scan them in the time that is allowed."""
    ms = costs["exact float32"]["one"] / size / _CORES.value
    bytes_of_faiss = costs["faiss float32"]["disk"] * 1e6 / size
    memory = _MEMORY.value * 2**30 * _SPARE
    rows = []
    for millions in _MILLIONS:
        count = millions * 1e6
        needed = (
            count * _DIM.value * 4 / memory,
            count * ms / _LATENCY.value,
            count * bytes_of_faiss / memory,
        )
        rows.append([millions, *map(math.ceil, needed)])
    within = f"exact, within {_LATENCY.value:g} ms"
    headers = ["million", "exact, machines for memory", within, "Faiss, for memory"]
    return tabulate(rows, headers, "github")


def _tiers() -> dict[str, dict[str, float]]:
    """Returns percentiles of latencies: simulated for several shards, and of two real ones."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        shards = [_shard(Path(folder) / str(number), rng) for number in range(2)]
        queries = _unit(rng.standard_normal((_QUERIES.value, 1, _DIM.value)))
        for shard in shards:
            shard.search(queries[0], 10)
        alone = np.array([_timed(shards[0], query) for query in queries])
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            both = [max(pool.map(_timed, shards, (query, query))) for query in queries]
        for shard in shards:
            shard.close()
    drawn = {fan: rng.choice(alone, (20_000, fan)).max(axis=1) for fan in _FANS}
    tiers = {f"simulated, {fan} shards": _percentiles(some) for fan, some in drawn.items()}
    return {**tiers, "two real shards at once": _percentiles(np.array(both))}


def _shard(directory: Path, rng: np.random.Generator) -> ImageTextIndex:
    rows = _unit(rng.standard_normal((_SHARD.value, _DIM.value)))
    items = [EmbeddedItem(str(number), "none", row) for number, row in enumerate(rows)]
    return ImageTextIndex.build(directory, SimpleNamespace(fingerprint="plan"), embedded=items)


def _unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def _timed(shard: ImageTextIndex, query: np.ndarray) -> float:
    started = time.monotonic()
    shard.search(query, 10)
    return 1e3 * (time.monotonic() - started)


def _percentiles(milliseconds: np.ndarray) -> dict[str, float]:
    return {f"p{p}": round(float(np.percentile(milliseconds, p)), 2) for p in (50, 95, 99)}


def _tier_table(tiers: dict[str, dict[str, float]]) -> str:
    rows = [[name, *row.values()] for name, row in tiers.items()]
    return tabulate(rows, ["milliseconds", "p50", "p95", "p99"], "github", floatfmt=".1f")


if __name__ == "__main__":
    app.run(main)
