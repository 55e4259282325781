"""What training from disk costs at the size of MSCOCO's training split: memory and time.

    python benchmarks/memory.py

Writes random features in float16 (7.7 GB at the full size) to a folder that is removed at the end,
and then, as a training does: opens them as a corpus, standardises by them, makes the first batch,
makes an epoch's batches without training, and trains for some steps by the paper's recipe. The
memory of each phase is that of the process: anonymous (what it allocated) and resident (with what
of the memory maps is in it at the moment, which the kernel may take back at any time). Writes
memory.md and memory.json beside this file. Linux only.
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
from ablation import machine
from absl import app, flags

from tb_keras.atomic_file import written_beside
from tb_keras.corpus import Corpus
from tb_keras.training.from_recipe import from_recipe
from tb_keras.training.recipe import Recipe

_IMAGES = flags.DEFINE_integer("images", 113_287, "How many images.")
_TEXTS = flags.DEFINE_integer("texts", 566_435, "How many texts.")
_IMAGE_DIM = flags.DEFINE_integer("image_dim", 4096, "Size of the image features.")
_TEXT_DIM = flags.DEFINE_integer("text_dim", 6000, "Size of the text features.")
_IMAGES_PER_BATCH = flags.DEFINE_integer("images_per_batch", 500, "Images in a batch.")
_STEPS = flags.DEFINE_integer("steps", 100, "Training steps.")
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
        _measure(files, phases)
    lines = ["| | seconds | anonymous, GiB | resident, GiB |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {phase['seconds']:.2f} | {phase['anonymous']:.2f} | {phase['resident']:.2f} |"
        for name, phase in phases.items()
    ]
    size = sum(rows * dim * 2 for rows, dim in _shapes()) / 2**30
    page = f"""# Memory of training from disk

Written by `python benchmarks/memory.py`: {_IMAGES.value:,} images of {_IMAGE_DIM.value} and \
{_TEXTS.value:,} texts of {_TEXT_DIM.value} random float16 features ({size:.1f} GiB on disk), \
batches of {_IMAGES_PER_BATCH.value} images with 2 texts each, the paper's network. Memory is the \
highest seen in each phase; resident holds pages of the files as well, which the kernel may take \
back. {machine()}

{chr(10).join(lines)}
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


def _measure(files: list[Path], phases: dict) -> None:
    with _phase(phases, "open and check the corpus"):
        images, texts = (np.load(file, mmap_mode="r") for file in files)
        owners = np.arange(len(texts)) * len(images) // len(texts)
        corpus = Corpus(owners, image_features=images, text_features=texts)
    with _phase(phases, "build the network, standardise by all features"):
        recipe = Recipe(images_per_batch=_IMAGES_PER_BATCH.value)
        training = from_recipe(corpus, recipe)
        batches = training.batches(0)
    with _phase(phases, "first batch"):
        next(iter(batches))
    count = int(batches.cardinality())
    with _phase(phases, f"an epoch of {count} batches, without training"):
        for _ in training.batches(0):
            pass
    steps = min(_STEPS.value, count)
    training.model.fit(batches.take(1), shuffle=False, verbose=0)  # traces the step
    with _phase(phases, f"{steps} training steps"):
        training.model.fit(training.batches(1).take(steps), shuffle=False, verbose=0)


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


if __name__ == "__main__":
    app.run(main)
