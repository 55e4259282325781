"""The web server of a kept index: how fast it answers, and what it answers while pictures change.

    python -m benchmarks.serving.page --run=runs/openmoji

Fills an index with many pictures, starts `tb-serve` on it in a process of its own, and asks it over
HTTP: one client, then several at once, each question another text, after a warm-up; no answer is
kept. Then the clients go on asking while this process adds and deletes pictures: no request may
fail, and no answer that was asked for after a deletion returned may have what was deleted.

The pictures are those of the run's data set, again and again; their embeddings are real ones with
noise, so that an index of this size is built in a minute. `make demo` makes the run. Writes page.md
and page.json beside this file.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import logging
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, write_figures
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.scripts.runs.run_model import RunModel
from tb_keras.search import ImageTextIndex

_RUN = flags.DEFINE_string("run", "runs/openmoji", "A run of retrieval.")
_PICTURES = flags.DEFINE_integer("pictures", 100_000, "Pictures in the index.")
_STORES = flags.DEFINE_list("stores", ["exact", "faiss"], "Stores of the index.")
_QUERIES = flags.DEFINE_integer("queries", 1000, "Questions of each measurement.")
_CLIENTS = flags.DEFINE_integer("clients", 8, "Clients that ask at once.")
_SECONDS = flags.DEFINE_float("seconds", 60.0, "How long pictures change, for each store.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_NOISE = 0.3
_WARM_UP = 20
_CHANGED = 10  # pictures that are added and deleted at a time


def main(arguments: list[str]) -> None:
    del arguments
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    model = RunModel(Run(_RUN.value))
    corpus = load_corpus(Run(_RUN.value).settings, "all")
    real = model.embed_images(corpus.image_paths, verbose=False)
    figures = {}
    for store in _STORES.value:
        with tempfile.TemporaryDirectory() as folder:
            filling = _Filling(model.fingerprint, real)
            paths = list(itertools.islice(itertools.cycle(corpus.image_paths), _PICTURES.value))
            index = ImageTextIndex.build(
                Path(folder) / "index",
                filling,
                paths,
                [f"picture {number}" for number in range(len(paths))],
                store=store,
                source=f"--run={Path(_RUN.value).resolve()}",
            )
            with index, _served(index.directory) as server:
                questions = _questions(corpus.texts)
                for question in itertools.islice(questions, _WARM_UP):
                    _ask(server, question)
                for clients in (1, _CLIENTS.value):
                    key = f"{store}, {clients} client{'s' * (clients > 1)}"
                    figures[key] = _latency(server, questions, clients)
                    print(f"{key}: {figures[key]}", flush=True)
                changing = _while_pictures_change(server, index, paths, questions)
            figures[f"{store}, changing"] = changing
            print(f"{store}, changing: {changing}", flush=True)
    write_figures(Path(_DIRECTORY.value) / "page.json", figures, _page(figures))


class _Filling(SimpleNamespace):
    """A model that gives the embeddings of real pictures with noise, whatever the pictures are."""

    def __init__(self, fingerprint: str, real: np.ndarray):
        super().__init__(fingerprint=fingerprint, real=real, rng=np.random.default_rng(0))

    def embed_images(self, paths: Sequence[str]) -> np.ndarray:
        rows = self.real[self.rng.integers(len(self.real), size=len(paths))]
        noise = self.rng.standard_normal(rows.shape) / np.sqrt(rows.shape[1])
        noisy = rows + _NOISE * noise
        return (noisy / np.linalg.norm(noisy, axis=1, keepdims=True)).astype(np.float32)


@contextlib.contextmanager
def _served(directory: Path) -> Iterator[httpx.Client]:
    """Runs tb-serve on an index; gives a client once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tb_keras.scripts.serve", f"--index={directory}"]
    process = subprocess.Popen([*command, f"--port={port}"], stdout=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as server:
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    server.get("api/info")
                    break
                if process.poll() is not None:
                    raise RuntimeError(f"tb-serve ended with {process.returncode}")
                time.sleep(0.2)
            yield server
    finally:
        process.terminate()
        process.wait(60)


def _questions(texts: Sequence[str]) -> Iterator[str]:
    """Gives one text after the other, none twice."""
    order = np.random.default_rng(1).permutation(len(texts))
    for number in itertools.count():
        for row in order:
            yield f"{texts[row]} {number}" if number else texts[row]


def _ask(server: httpx.Client, question: str) -> list[str]:
    response = server.get("api/search", params={"q": question, "k": 24})
    response.raise_for_status()
    return [answer["id"] for answer in response.json()["answers"]]


def _latency(server: httpx.Client, questions: Iterator[str], clients: int) -> dict[str, float]:
    def timed(question: str) -> float:
        started = time.monotonic()
        _ask(server, question)
        return 1e3 * (time.monotonic() - started)

    some = list(itertools.islice(questions, _QUERIES.value))
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        milliseconds = list(pool.map(timed, some))
    seconds = time.monotonic() - started
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99])
    return {"p50": p50, "p95": p95, "p99": p99, "per second": len(some) / seconds}


def _while_pictures_change(
    server: httpx.Client, index: ImageTextIndex, paths: Sequence[str], questions: Iterator[str]
) -> dict[str, int]:
    """Asks while pictures are added and deleted, and counts what went wrong."""
    deleted: set[str] = set()
    counts = dict.fromkeys(("requests", "failed", "gone and answered", "added", "deleted"), 0)
    lock, ends = threading.Lock(), time.monotonic() + _SECONDS.value

    def question() -> tuple[str, frozenset[str]]:
        with lock:
            return next(questions), frozenset(deleted)

    def client() -> None:
        while time.monotonic() < ends:
            text, gone = question()
            try:
                wrong, failed = len(gone & set(_ask(server, text))), 0
            except httpx.HTTPError:
                wrong, failed = 0, 1
            with lock:
                counts["requests"] += 1
                counts["failed"] += failed
                counts["gone and answered"] += wrong

    with concurrent.futures.ThreadPoolExecutor(_CLIENTS.value) as pool:
        asking = [pool.submit(client) for _ in range(_CLIENTS.value)]
        for number in itertools.count():
            if time.monotonic() >= ends:
                break
            names = _ask(server, question()[0])[:_CHANGED]  # what is found, not what is not
            index.delete(names)
            new = [f"new {number}, {place}" for place in range(_CHANGED)]
            with lock:
                deleted.update(names)
                counts["deleted"] += len(names)
                counts["added"] += len(new)
            index.add(paths[: len(new)], new)
        for one in asking:
            one.result()
    return counts


def _page(figures: dict[str, dict]) -> str:
    tables = []
    for kind in (False, True):
        rows = {k: row for k, row in figures.items() if k.endswith("changing") == kind}
        table = [[name, *row.values()] for name, row in rows.items()]
        headers = ["", *next(iter(rows.values()))]
        tables.append(tabulate(table, headers, "github", floatfmt=".0f"))
    return f"""# tb-serve under questions

Written by `python -m benchmarks.serving.page`: {_PICTURES.value:,} pictures, the embedding \
network of a run on OpenMoji with MiniLM, {_QUERIES.value:,} texts of which none is asked twice, \
24 answers each. The clients and the server share the machine. {measured_on()}

## Milliseconds of an answer

{tables[0]}

## While pictures are added and deleted, {_CLIENTS.value} clients, {_SECONDS.value:.0f} s

{tables[1]}

"gone and answered" counts answers that had a picture whose deletion had returned before the \
question was asked.
"""


if __name__ == "__main__":
    app.run(main)
