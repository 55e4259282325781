"""Several replicas beside one device: how much loss, gradient and embeddings differ.

    python -m benchmarks.replicas

Trains networks by `train_network`'s parts on one device, on two and on four parts of this machine's
CPU, and in two processes that TF_CONFIG joins, from the same weights on the same batches of made
features. Writes replicas.md and replicas.json beside this file.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags, logging
from tabulate import tabulate

from benchmarks.pages import write_figures
from tb_keras.corpus.corpus import Corpus
from tb_keras.training import Recipe, from_recipe, replica_strategy

_SETUPS = flags.DEFINE_list("setups", ["2", "4", "2 processes"], "What is set beside one device.")
_KINDS = flags.DEFINE_list("kinds", None, "Trainings, as the page names them; all by default.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")
_CHILD = flags.DEFINE_string("child", None, "What one of the processes writes, and nothing else.")
_REPLICAS = flags.DEFINE_integer("replicas", 1, "The replicas of such a process.")

_CACHED = 4  # rows; each replica's own are whole chunks
_NETWORKS = {
    **{loss: {"loss": loss} for loss in ("ranking", "max_violation", "info_nce", "sigmoid")},
    "similarity network": {"network": "similarity", "joint_dims": (16, 8)},
}
_WAYS = {
    "": {},
    ", dropout and noise": {"dropout": 0.5, "noise": 0.2},
    ", gradient caching": {"dropout": 0.5, "noise": 0.2, "gradient_cache_rows": _CACHED},
}
KINDS = {name + way: {**n, **w} for name, n in _NETWORKS.items() for way, w in _WAYS.items()}
_SMALL = {"hidden_dim": 32, "embedding_dim": 16, "images_per_batch": 16, "texts_per_image": 2}
_EPOCHS = 4
_IMAGES, _TEXTS_EACH, _DIM = 40, 2, 24
_MINUTES = 30  # until a process is given up


def main(arguments: list[str]) -> None:
    del arguments
    kinds = _KINDS.value or list(KINDS)
    if _CHILD.value:
        _measure(kinds, Path(_CHILD.value))
        return
    one, found = _in_processes(kinds, "1"), {}
    for setup in _SETUPS.value:
        other = _in_processes(kinds, setup)
        found[setup] = {kind: differences(one[kind], other[kind]) for kind in kinds}
    write_figures(Path(_DIRECTORY.value) / "replicas.json", found, _page(kinds, found))


def _page(kinds: Sequence[str], found: Mapping[str, dict[str, dict[str, float]]]) -> str:
    columns = list(next(iter(found.values()))[kinds[0]])
    rows = [[k, *(f"{of[k][c]:.0e}" for of in found.values() for c in columns)] for k in kinds]
    named = [f"{column}, {_named(setup)}" for setup in found for column in columns]
    worst = {c: max(of[k][c] for of in found.values() for k in kinds) for c in columns}
    largest = ", ".join(f"{value:.0e} in the {column}" for column, value in worst.items())
    return f"""# Several replicas beside one device

Written by `python -m benchmarks.replicas`: the largest difference from a training on one device, \
divided by the largest value there, of the first step's loss and gradient, and of the embeddings \
of all images and texts after {_steps()} steps, whose first ones magnify by Adam what small \
gradients differ by. Both begin with the same weights and see the same batches, of \
{_SMALL["images_per_batch"]} images with {_TEXTS_EACH} texts each, in float32. With gradient \
caching, {_CACHED} rows go through a branch at a time, with dropout and noise. The replicas are \
parts of one machine's CPU, or two processes of it that TF_CONFIG joins; no GPU was there. At the \
most it is {largest}.

{tabulate(rows, ["", *named], "github", disable_numparse=True)}
"""


def measured(kind: str, strategy) -> dict[str, np.ndarray]:
    """Returns the loss and gradient of the first step, and the embeddings at the end."""
    corpus = _corpus()
    recipe = Recipe(**_SMALL, **{"dropout": 0.0, **KINDS[kind]}, epochs=_EPOCHS, margin=0.2)
    network, model, batches = from_recipe(corpus, recipe, seed=1, strategy=strategy)
    first = _FirstStep()
    model.fit(batches(0), epochs=_EPOCHS, shuffle=False, verbose=0, callbacks=[first])
    embeddings = [
        network.embed_images(corpus.image_features),
        network.embed_texts(corpus.text_features),
    ]
    return {**first.found, "embeddings": np.concatenate(embeddings)}


def differences(one: Mapping, other: Mapping) -> dict[str, float]:
    """Returns the largest difference of each array, divided by the largest value of `one`."""
    return {
        name: float(np.abs(one[name] - other[name]).max() / np.abs(one[name]).max()) for name in one
    }


class _FirstStep(keras.callbacks.Callback):
    """Keeps the loss of the first step, and its gradient, which Adam's averages begin with."""

    def __init__(self):
        super().__init__()
        self.found: dict[str, np.ndarray] = {}

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if not self.found:
            optimizer = self.model.optimizer
            averages = [average.numpy().ravel() for average in optimizer._momentums]
            gradient = np.concatenate(averages) / (1 - optimizer.beta_1)
            self.found = {"loss": np.asarray(float((logs or {})["loss"])), "gradient": gradient}


def _corpus() -> Corpus:
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(_IMAGES, 6))
    image_of = np.repeat(np.arange(_IMAGES), _TEXTS_EACH)
    images, texts = (
        (rows @ rng.normal(size=(6, _DIM)) + rng.normal(size=(len(rows), _DIM))).astype("float32")
        for rows in (hidden, hidden[image_of])
    )
    return Corpus(image_of, image_features=images, text_features=texts)


def _steps() -> int:
    return _EPOCHS * -(-_IMAGES * _TEXTS_EACH // _SMALL["images_per_batch"])


def _named(setup: str) -> str:
    return setup if setup.endswith("processes") else f"{setup} CPUs"


def _measure(kinds: Sequence[str], file: Path) -> None:
    tf.get_logger().setLevel("ERROR")
    logging.set_verbosity(logging.ERROR)
    tf.config.experimental.enable_tensor_float_32_execution(False)  # of GPUs: it has 10 bits
    strategy = replica_strategy(_REPLICAS.value)
    found = {kind: measured(kind, strategy) for kind in kinds}
    np.savez(file, **{f"{kind}/{n}": v for kind, of in found.items() for n, v in of.items()})
    sys.stdout.flush()
    os._exit(0)  # without TensorFlow's clean-up, in which workers wait for each other


def _in_processes(kinds: Sequence[str], setup: str) -> dict[str, dict[str, np.ndarray]]:
    count, several = int(setup.split()[0]), setup.endswith("processes")
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.replicas", f"--kinds={_joined(kinds)}"]
        if several:
            started = [
                subprocess.Popen([*command, f"--child={folder}/{number}.npz"], env=environment)
                for number, environment in enumerate(workers(count))
            ]
        else:
            replicas = f"--replicas={count}"
            started = [subprocess.Popen([*command, f"--child={folder}/0.npz", replicas])]
        try:
            codes = [process.wait(60 * _MINUTES) for process in started]
        finally:
            for process in started:
                process.kill()
        if any(codes):
            raise RuntimeError(f"{setup}: the processes ended with {codes}")
        arrays = dict(np.load(f"{folder}/0.npz"))
    found: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in kinds}
    for name, value in arrays.items():
        kind, array = name.split("/")
        found[kind][array] = value
    return found


def _joined(kinds: Sequence[str]) -> str:
    """Returns the kinds as a flag; there are commas in them."""
    return ",".join(f'"{kind}"' for kind in kinds)


def workers(count: int) -> list[dict[str, str]]:
    """Returns the environments of processes that train together, on free ports of this machine."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    cluster = {"worker": addresses}
    tasks = [{"type": "worker", "index": number} for number in range(count)]
    return [
        {**os.environ, "TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}
        for task in tasks
    ]


if __name__ == "__main__":
    app.run(main)
