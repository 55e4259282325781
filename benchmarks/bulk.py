"""Many small pictures embedded by Apache Beam: one worker, two, and two of which one is killed.

    python -m benchmarks.bulk
    python -m benchmarks.bulk --pictures=5000

Draws pictures into tar archives, exports an untrained network behind EfficientNet-Lite0 at 64
pixels, and runs `tb-embed` on them with one process, with two, and with two of which one is killed
in the middle, after which the same command runs again. All must write the same bytes, and every
picture once. `tb-extract` is timed beside it. Needs apache-beam. Writes bulk.md and bulk.json
beside this file. Linux only.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from PIL import Image
from pyarrow import parquet
from tabulate import tabulate

from benchmarks.pages import measured_on, write_figures
from tb_keras.encoders import image_encoder, text_encoder
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving import export

_PICTURES = flags.DEFINE_integer("pictures", 100_000, "Pictures.")
_PER_SHARD = flags.DEFINE_integer("pictures_per_shard", 5000, "Pictures of an archive.")
_PER_FILE = flags.DEFINE_integer("items_per_file", 2500, "Pictures of a file that is written.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_SIDE = 64
_TWO = ["--beam=--direct_running_mode=multi_processing", "--beam=--direct_num_workers=2"]


def main(arguments: list[str]) -> None:
    del arguments
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        _draw(scratch / "shards")
        _export(scratch / "model")
        figures = {
            "one process": _embed(scratch, "one", []),
            "two processes": _embed(scratch, "two", _TWO),
            "two, one of them killed": _embed(scratch, "killed", _TWO, kill=True),
            "the same command again": _embed(scratch, "killed", _TWO),
            "tb-extract": _extract(scratch),
        }
        one, two, killed = (_contents(scratch / name) for name in ("one", "two", "killed"))
        ids = [name for file in _written(scratch / "one") for name in _ids(file)]
        outcome = {
            "pictures": len(ids),
            "distinct": len(set(ids)),
            "two as one": two == one,
            "after the kill as one": killed == one,
        }
    file = Path(_DIRECTORY.value) / "bulk.json"
    write_figures(file, {**figures, "outcome": outcome}, _page(figures, outcome))


def _draw(folder: Path) -> None:
    """Writes archives of drawn pictures: a coloured rectangle on noise each."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for shard, first in enumerate(range(0, _PICTURES.value, _PER_SHARD.value)):
        with tarfile.open(folder / f"shard-{shard:04d}.tar", "w") as archive:
            for number in range(first, min(first + _PER_SHARD.value, _PICTURES.value)):
                pixels = rng.integers(0, 90, (_SIDE, _SIDE, 3), "uint8")
                left, top = rng.integers(0, _SIDE // 2, 2)
                width, height = rng.integers(8, _SIDE // 2, 2)
                pixels[top : top + height, left : left + width] = rng.integers(90, 256, 3)
                content = io.BytesIO()
                Image.fromarray(pixels).save(content, "JPEG", quality=85)
                member = tarfile.TarInfo(f"{number:07d}.jpg")
                member.size = content.tell()
                content.seek(0)
                archive.addfile(member, content)


def _export(directory: Path) -> None:
    images, texts = image_encoder("efficientnet_lite0", size=_SIDE), text_encoder("minilm")
    network = EmbeddingNetwork(images.output_shape[1], texts.output_shape[1], hidden_dim=512)
    export(network, directory, images, texts)


def _embed(scratch: Path, name: str, options: list[str], kill: bool = False) -> dict[str, float]:
    """Runs tb-embed; if told, kills one of its workers once it has written something."""
    output = scratch / name
    before = _count(output)
    command = [sys.executable, "-m", "tb_keras.scripts.embed", f"--model={scratch / 'model'}"]
    command += [f"--input={scratch / 'shards'}/*.tar", f"--output={output}"]
    command += [f"--items_per_file={_PER_FILE.value}", *options]
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while kill and process.poll() is None:
        if _count(output) > before and (workers := _children(process.pid)):
            os.kill(workers[-1], signal.SIGKILL)
            kill = False
            time.sleep(20)
            process.kill()  # the direct runner may wait for the lost worker for ever
        time.sleep(0.5)
    code = process.wait()
    seconds = time.monotonic() - started
    done = _count(output) - before
    return {"exit code": code, "pictures": done, "seconds": seconds, "a second": done / seconds}


def _children(pid: int) -> list[int]:
    """Returns the processes that a process has started, and those that they have."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            found += [child, *_children(child)]
    return found


def _extract(scratch: Path) -> dict[str, float]:
    last = len(list((scratch / "shards").iterdir())) - 1
    command = [sys.executable, "-m", "tb_keras.scripts.extract", f"--size={_SIDE}"]
    command += [f"--images={scratch / 'shards'}/shard-{{0000..{last:04d}}}.tar"]
    command += [f"--output={scratch / 'extracted'}", "--image_encoder=efficientnet_lite0"]
    started = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - started
    count = _PICTURES.value
    return {
        "exit code": done.returncode,
        "pictures": count,
        "seconds": seconds,
        "a second": count / seconds,
    }


def _ids(file: Path) -> list[str]:
    return parquet.read_table(file, columns=["id"]).column("id").to_pylist()


def _count(directory: Path) -> int:
    return sum(parquet.read_metadata(file).num_rows for file in _written(directory))


def _contents(directory: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in _written(directory)}


def _written(directory: Path) -> list[Path]:
    """Returns the files that are whole; one that a killed worker began has a hidden name."""
    return list(directory.glob("embeddings-*.parquet"))


def _page(figures: dict[str, dict], outcome: dict) -> str:
    rows = [[name, *row.values()] for name, row in figures.items()]
    headers = ["", *next(iter(figures.values()))]
    same = {True: "the same bytes", False: "other bytes"}
    return f"""# Embedding in bulk

Written by `python -m benchmarks.bulk`: {_PICTURES.value:,} drawn pictures of {_SIDE} pixels \
in tar archives, an untrained network behind EfficientNet-Lite0, Beam's direct runner. Starting a \
process, the runner and the model is in the seconds. {measured_on()}

{tabulate(rows, headers, "github", floatfmt=".0f")}

Of {outcome["pictures"]:,} embeddings {outcome["distinct"]:,} are of distinct pictures. Beside one \
process, two wrote {same[outcome["two as one"]]}, and the run that was killed and run again \
{same[outcome["after the kill as one"]]}.
"""


if __name__ == "__main__":
    app.run(main)
