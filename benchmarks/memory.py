"""What training from disk costs at the size of MSCOCO's training split: memory and time.

    python -m benchmarks.memory
    systemd-run --scope -p MemoryMax=4G -p MemorySwapMax=0 python -m benchmarks.memory

Writes random features in float16 (7.7 GB at the full size) to a folder that is removed at the end,
and then, as a training does: opens them as a corpus, standardises by them, makes the first batch,
makes an epoch's batches without training, trains for some steps by the paper's recipe, and measures
the network on as many images as MSCOCO has for validation. The memory of each phase is that of the
process: anonymous (what it allocated) and resident (with what of the memory maps is in it at the
moment, which the kernel may take back at any time). The second command proves that it may: there
all of it, the files' pages too, has to stay within 4 GiB, or the process is killed; the page says
which limit was set. Writes memory.md and memory.json beside this file. Linux only.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on
from tb_keras.datasets import load
from tb_keras.storage.atomic_file import written_beside
from tb_keras.training import network_metrics
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe

_IMAGES = flags.DEFINE_integer("images", 113_287, "How many images.")
_TEXTS = flags.DEFINE_integer("texts", 566_435, "How many texts, a multiple of it.")
_IMAGE_DIM = flags.DEFINE_integer("image_dim", 4096, "Size of the image features.")
_TEXT_DIM = flags.DEFINE_integer("text_dim", 6000, "Size of the text features.")
_IMAGES_PER_BATCH = flags.DEFINE_integer("images_per_batch", 500, "Images in a batch.")
_STEPS = flags.DEFINE_integer("steps", 100, "Training steps.")
_EVALUATED = flags.DEFINE_integer("evaluated_images", 5000, "Images to measure the network on.")
_SCRATCH = flags.DEFINE_string("scratch", None, "Folder with room for the features.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_ROWS = 4096  # written at a time


def main(arguments: list[str]) -> None:
    del arguments
    phases = {}
    with tempfile.TemporaryDirectory(dir=_SCRATCH.value) as folder:
        rng = np.random.default_rng(0)
        files = [Path(folder) / name for name in ("images.npy", "texts.npy")]
        for file, shape in zip(files, _shapes()):
            _write_features(file, shape, rng)
        share = _measure(Path(folder), phases)
    columns = {"seconds": "seconds", "anonymous": "anonymous, GiB", "resident": "resident, GiB"}
    rows = [[name, *(phase[column] for column in columns)] for name, phase in phases.items()]
    size = sum(rows * dim * 2 for rows, dim in _shapes()) / 2**30
    page = f"""# Memory of training from disk

Written by `python -m benchmarks.memory`: {_IMAGES.value:,} images of {_IMAGE_DIM.value} and \
{_TEXTS.value:,} texts of {_TEXT_DIM.value} random float16 features ({size:.1f} GiB on disk), \
batches of {_IMAGES_PER_BATCH.value} images with 2 texts each, the paper's network. Memory is the \
highest seen in each phase; resident holds pages of the files as well, which the kernel may take \
back. {_limit()} {measured_on()}

{tabulate(rows, ["", *columns.values()], "github", floatfmt=".2f")}

Making an epoch's batches takes {share:.1%} of the time of its training steps, which include it: \
batches are made while others are trained on.
"""
    file = Path(_DIRECTORY.value) / "memory.json"
    content = {".json": json.dumps(phases, indent=1) + "\n", ".md": page}
    for suffix, text in content.items():
        with written_beside(file.with_suffix(suffix)) as beside:
            beside.write_text(text)
    print(page)


def _shapes() -> list[tuple[int, int]]:
    return [(_IMAGES.value, _IMAGE_DIM.value), (_TEXTS.value, _TEXT_DIM.value)]


def _write_features(file: Path, shape: tuple[int, int], rng: np.random.Generator) -> None:
    features = np.lib.format.open_memmap(file, "w+", np.float16, shape)
    for start in range(0, shape[0], _ROWS):
        block = features[start : start + _ROWS]
        block[:] = rng.standard_normal(block.shape, dtype=np.float32)


def _measure(folder: Path, phases: dict) -> float:
    """Returns the time of an epoch's batches alone, as a share of that of its training steps."""
    with _phase(phases, "open and check the corpus"):
        texts_per_image = _TEXTS.value // _IMAGES.value
        corpus = load("arrays", folder, "all", texts_per_image=texts_per_image)
    with _phase(phases, "build the network, standardise by all features"):
        recipe = Recipe(images_per_batch=_IMAGES_PER_BATCH.value)
        training = from_recipe(corpus, recipe)
        batches = training.batches(0)
    with _phase(phases, "first batch"):
        next(iter(batches))
    count = int(batches.cardinality())
    epoch = f"an epoch of {count} batches, without training"
    with _phase(phases, epoch):
        for _ in training.batches(0):
            pass
    with _phase(phases, "first training step, traced"):
        training.model.fit(batches.take(1), shuffle=False, verbose=0)
    steps = min(_STEPS.value, count)
    trained = f"{steps} training steps"
    with _phase(phases, trained):
        training.model.fit(training.batches(1).take(steps), shuffle=False, verbose=0)
    part = corpus.subset(images=np.arange(min(_EVALUATED.value, corpus.num_images)))
    with _phase(phases, f"figures on {part.num_images} images and {part.num_texts} texts"):
        network_metrics(training.network, part)
    return phases[epoch]["seconds"] / count / (phases[trained]["seconds"] / steps)


@contextlib.contextmanager
def _phase(phases: dict, name: str) -> Iterator[None]:
    """Measures the seconds and the highest memory of what is done within it."""
    ended, peaks = threading.Event(), [_memory()]

    def watch() -> None:
        while not ended.wait(0.05):
            peaks.append(_memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started = time.monotonic()
    try:
        yield
    finally:
        seconds = time.monotonic() - started
        ended.set()
        watcher.join()
    peaks.append(_memory())
    anonymous, resident = (max(values) for values in zip(*peaks))
    phases[name] = {"seconds": seconds, "anonymous": anonymous, "resident": resident}
    print(f"{name}: {phases[name]}", flush=True)


def _memory() -> tuple[float, float]:
    """Anonymous and resident memory of this process, in GiB."""
    status = Path("/proc/self/status").read_text()
    names = ("RssAnon", "VmRSS")
    return tuple(int(re.search(rf"{name}:\s*(\d+) kB", status)[1]) / 2**20 for name in names)


def _limit() -> str:
    """What limit this process's control group, or one around it, sets to its memory."""
    limits = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = Path("/sys/fs/cgroup") / ("memory" if controllers else "")
        for around in (root / group.strip("/"), *(root / group.strip("/")).parents):
            for name in ("memory.max", "memory.limit_in_bytes"):  # of versions 2 and 1
                file = around / name
                if file.is_file() and (value := file.read_text().strip()) != "max":
                    limits.append(int(value))
    limit = min(limits, default=2**62)  # version 1 says a number near 2**63 for none
    if limit >= 2**62:
        return "No limit of memory was set."
    return f"It ran within a limit of {limit / 2**30:.1f} GiB, which counts these pages too."


if __name__ == "__main__":
    app.run(main)
