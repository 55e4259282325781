"""Clients that ask a server at once, while a new version of the model is dropped in.

    python -m benchmarks.serving.load --run=runs/openmoji

Exports the networks of two seeds of a run (`make demo` makes runs/openmoji), with what the run's
data set holds to search. The first is served; half-way through, the second is renamed into
the model's directory as its next version. Clients ask for a time, in batches of each size, by every
signature in turn; each answer is held against what the network of either seed answers in Python,
and must be equal to one of them, and to the second's only when the server has switched.

The server is the stand-in of the tests, in a process of its own, on the loopback: its figures are
those of TensorFlow under a Python server. `benchmarks/serving/serving.sh` asks the real one, by
--server=HOST:PORT. Writes load.md and load.json beside this file.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, write_figures
from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.features import encode_images, encode_texts
from tb_keras.scripts.runs.run import Run
from tb_keras.scripts.runs.run_data import load_corpus
from tb_keras.scripts.runs.run_text_encoder import text_encoder_name
from tb_keras.search import Index, Searchable
from tb_keras.serving import Client, ServingError, export

_RUN = flags.DEFINE_string("run", "runs/openmoji", "A run with two seeds or more.")
_CLIENTS = flags.DEFINE_integer("clients", 4, "How many ask at once.")
_SECONDS = flags.DEFINE_float("seconds", 60, "How long, for each size of a batch.")
_BATCHES = flags.DEFINE_list("batches", ["1", "8", "64"], "Rows a request.")
_MODELS = flags.DEFINE_string(
    "models", None, "Where to export to; by default a directory that is removed afterwards."
)
_SERVER = flags.DEFINE_string(
    "server", None, "HOST:PORT (gRPC) of a server of --models/load, instead of the stand-in."
)
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_K = 5
_TOLERANCE = 1e-5
_NAME = "load"


class Answers(NamedTuple):
    """What a network answers in Python, for every item of the pool."""

    images: np.ndarray
    texts: np.ndarray
    found: np.ndarray  # scores of the best pictures for each text


class Load:
    """What clients saw: one entry a call, and what went wrong."""

    def __init__(self):
        self.milliseconds: list[float] = []
        self.rows = 0
        self.wrong: list[str] = []
        self.of_version = [0, 0]
        self._lock = threading.Lock()

    def add(self, seconds: float, rows: int, version: int | None, wrong: str = "") -> None:
        with self._lock:
            self.milliseconds.append(1e3 * seconds)
            self.rows += rows
            if version is not None:
                self.of_version[version] += 1
            if wrong:
                self.wrong.append(wrong)


def main(arguments: list[str]) -> None:
    del arguments
    run = Run(_RUN.value)
    measured = {}
    with contextlib.ExitStack() as opened:
        models = Path(_MODELS.value or opened.enter_context(tempfile.TemporaryDirectory()))
        served, prepared = models.resolve() / _NAME, models / "prepared"
        corpus = load_corpus(run.settings, "all")
        files = [Path(path).read_bytes() for path in corpus.image_paths]
        texts, answers = list(corpus.texts), []
        seeds = [result["seed"] for result in run.results("embedding")]
        if len(seeds) < 2:
            raise ValueError(f"--run must have two seeds or more. Received: {_RUN.value}")
        for seed, directory in zip(seeds, (served, prepared)):
            answers.append(_export(run, seed, corpus, directory))
        address = opened.enter_context(_server(served))
        for number, batch in enumerate(map(int, _BATCHES.value)):
            with Client(_NAME, address, batch_size=max(64, batch), timeout=120) as client:
                _until_available(client, 1 if number == 0 else 2)
                drop = None
                if number == 0:
                    drop = threading.Timer(_SECONDS.value / 2, _drop, (prepared, served))
                    drop.start()
                load = _ask_at_once(client, batch, files, texts, answers)
                if drop is not None:
                    drop.join()
                    _until_available(client, 2)
                    _only_the_second(client, files, answers)
            row = _figures(load, batch)
            measured[f"batch {batch}"] = row
            print(f"batch {batch}", row, *load.wrong[:3], flush=True)
    _write(measured)
    if any(row["wrong"] for row in measured.values()):
        sys.exit("some answers failed or were wrong")


def _export(run: Run, seed: int, corpus, directory: Path) -> Answers:
    network, settings = run.network("embedding", seed), run.settings
    name = text_encoder_name(run)
    images = network.embed_images(encode_images(corpus.image_paths, settings["image_encoder"]))
    texts = network.embed_texts(encode_texts(corpus.texts, name))
    searchable = Searchable([Path(path).name for path in corpus.image_paths], images)
    encoders = image_encoder(settings["image_encoder"]), text_encoder(name)
    print(f"exporting seed {seed} ...", flush=True)
    export(network, directory, *encoders, searchable=searchable)
    scores, _ = Index(images).search(texts, min(_K, len(images)))
    return Answers(images, texts, scores)


def _drop(prepared: Path, served: Path) -> None:
    """As `tb_keras.serving.export` brings a version: written beside, and renamed."""
    beside = served / ".unfinished"
    shutil.copytree(prepared / "1", beside)
    beside.rename(served / "2")


@contextlib.contextmanager
def _server(served: Path) -> Iterator[str]:
    if _SERVER.value:
        yield _SERVER.value
        return
    command = [sys.executable, "-m", "tests.serving.stand_in.server", str(served)]
    process = subprocess.Popen(
        [*command, f"--name={_NAME}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process.stdout.readline().split()[1]  # "gRPC HOST:PORT REST HOST:PORT"
    finally:
        process.terminate()
        process.wait(60)


def _until_available(client: Client, version: int, timeout: float = 300) -> None:
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        with contextlib.suppress(ServingError):
            if client.versions().get(version) == "AVAILABLE":
                return
        time.sleep(0.2)
    raise TimeoutError(f"version {version} was not available after {timeout:.0f} s")


def _ask_at_once(client: Client, batch: int, files, texts, answers) -> Load:
    load, end = Load(), time.monotonic() + _SECONDS.value

    def ask(number: int) -> None:
        rng, turn = np.random.default_rng(number), number
        while time.monotonic() < end:
            rows = rng.integers(0, len(files), batch), rng.integers(0, len(texts), batch)
            _ask(client, turn % 4, *rows, files, texts, answers, load)
            turn += 1

    with concurrent.futures.ThreadPoolExecutor(_CLIENTS.value) as clients:
        for asking in [clients.submit(ask, number) for number in range(_CLIENTS.value)]:
            asking.result()
    return load


def _ask(client, kind, images, sentences, files, texts, answers, load) -> None:
    """One call, timed, and its answer held against those of both networks."""
    pictures = [files[row] for row in images]
    strings = [texts[row] for row in sentences]
    started = time.perf_counter()
    try:
        if kind == 0:
            given, right = client.embed_images(pictures), [a.images[images] for a in answers]
        elif kind == 1:
            given, right = client.embed_texts(strings), [a.texts[sentences] for a in answers]
        elif kind == 2:
            given = client.similarity(pictures, strings)
            right = [np.sum(a.images[images] * a.texts[sentences], axis=1) for a in answers]
        else:
            _, scores = client.search(strings, k=_K)
            given, right = np.array(scores), [a.found[sentences] for a in answers]
    except ServingError as error:
        load.add(time.perf_counter() - started, 0, None, str(error))
        return
    taken = time.perf_counter() - started
    off = [float(np.max(np.abs(given - expected))) for expected in right]
    version = int(np.argmin(off))
    wrong = "" if off[version] <= _TOLERANCE else f"signature {kind}: {off[version]:.2g} off"
    load.add(taken, len(given), version, wrong)


def _only_the_second(client: Client, files, answers) -> None:
    given = client.embed_images(files[:8])
    np.testing.assert_allclose(given, answers[1].images[:8], atol=_TOLERANCE)


def _figures(load: Load, batch: int) -> dict:
    median, high = np.percentile(load.milliseconds, (50, 99))
    return {
        "calls": len(load.milliseconds),
        "wrong": len(load.wrong),
        "p50": round(float(median), 1),
        "p99": round(float(high), 1),
        "calls_a_second": round(len(load.milliseconds) / _SECONDS.value, 2),
        "rows_a_second": round(load.rows / _SECONDS.value, 1),
        "first_version": load.of_version[0],
        "second_version": load.of_version[1],
    }


def _write(measured: dict) -> None:
    columns = {
        "calls": "calls",
        "wrong": "failed or wrong",
        "p50": "p50, ms",
        "p99": "p99, ms",
        "calls_a_second": "calls/s",
        "rows_a_second": "rows/s",
        "first_version": "answered by version 1",
        "second_version": "by version 2",
    }
    rows = [[name, *(row[column] for column in columns)] for name, row in measured.items()]
    server = f"the server {_SERVER.value}" if _SERVER.value else "the tests' stand-in server"
    page = f"""# A server under load

Written by `python -m benchmarks.serving.load`: {_CLIENTS.value} clients over gRPC on the loopback \
ask {server} for {_SECONDS.value:g} s in batches of each size, in turn to embed pictures, to embed \
texts, to score pairs and to search. An answer is wrong where it is more than {_TOLERANCE:g} from \
that of the network in Python. In the middle of the first a new version was dropped in. \
{measured_on()}

{tabulate(rows, ["", *columns.values()], "github", disable_numparse=True)}
"""
    file = Path(_DIRECTORY.value) / "load.json"
    write_figures(file, measured, page)


if __name__ == "__main__":
    app.run(main)
