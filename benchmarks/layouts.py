"""What it takes to read a million rows in each layout: time and memory.

    python -m benchmarks.layouts

Writes small files in place of pictures, five texts about each, in every layout that is read, and
reads them in a fresh process. Memory is the highest of that process, beyond what the imported
libraries take. Writes layouts.md and layouts.json beside this file. Linux only.
"""

from __future__ import annotations

import concurrent.futures
import csv
import io
import json
import multiprocessing
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from absl import app, flags
from tabulate import tabulate

from benchmarks.pages import measured_on, process_memory, write_figures
from tb_keras.datasets import load_table

_ROWS = flags.DEFINE_integer("rows", 1_000_000, "Rows, five for each picture.")
_SCRATCH = flags.DEFINE_string("scratch", None, "Folder with room for the files.")
_DIRECTORY = flags.DEFINE_string("directory", str(Path(__file__).parent), "Where to write.")

_TEXTS = 5  # about each picture
_FOLDER = 1000  # pictures in a folder or shard


def main(arguments: list[str]) -> None:
    del arguments
    figures = {}
    for name, write in _LAYOUTS.items():
        with tempfile.TemporaryDirectory(dir=_SCRATCH.value) as folder:
            shutil.rmtree(folder)
            path = write(Path(folder), _ROWS.value // _TEXTS)
            figures[name] = _fresh_process(str(path))
        print(f"{name}: {figures[name]}", flush=True)
    columns = ("images", "texts", "seconds", "MiB")
    rows = [[name, *(figure[column] for column in columns)] for name, figure in figures.items()]
    table = tabulate(
        rows, ["", *columns], "github", intfmt=",", floatfmt=(None, "", "", ".1f", ".0f")
    )
    page = f"""# Reading a million rows in each layout

Written by `python -m benchmarks.layouts`: {_ROWS.value:,} rows, five for each picture; a picture \
stands here for a file of a few bytes, of which a digest is computed to find copies. Memory is the \
highest beyond that of the imported libraries. {measured_on()}

{table}
"""
    write_figures(Path(_DIRECTORY.value) / "layouts.json", figures, page)


def _fresh_process(path: str) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as process:
        return process.submit(_measured, path).result()


def _measured(path: str) -> dict[str, float]:
    before = process_memory("VmRSS")
    began = time.monotonic()
    corpus = load_table(path)
    seconds = time.monotonic() - began
    memory = process_memory("VmHWM") - before
    return {
        "images": corpus.num_images,
        "texts": corpus.num_texts,
        "seconds": round(seconds, 2),
        "MiB": round(memory),
    }


def _name(picture: int) -> str:
    return f"{picture // _FOLDER:03}/{picture:06}.jpg"


def _texts(picture: int) -> list[str]:
    return [f"a picture of {picture}, as {number} says" for number in range(_TEXTS)]


def _write_pictures(folder: Path, count: int) -> None:
    for picture in range(count):
        path = folder / _name(picture)
        if picture % _FOLDER == 0:
            path.parent.mkdir(parents=True)
        path.write_bytes(f"picture {picture}".encode())


def _csv(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    with (folder / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "text"])
        table.writerows((_name(n), text) for n in range(count) for text in _texts(n))
    return folder / "pairs.csv"


def _numbered(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    with (folder / "pairs.tsv").open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["file_name", *(f"caption_{number + 1}" for number in range(_TEXTS))])
        table.writerows((_name(n), *_texts(n)) for n in range(count))
    return folder / "pairs.tsv"


def _json_lines(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    with (folder / "pairs.jsonl").open("w") as file:
        for n in range(count):
            for text in _texts(n):
                file.write(json.dumps({"image": _name(n), "text": text}) + "\n")
    return folder / "pairs.jsonl"


def _json_lists(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    with (folder / "pairs.jsonl").open("w") as file:
        for n in range(count):
            file.write(json.dumps({"image": _name(n), "captions": _texts(n)}) + "\n")
    return folder / "pairs.jsonl"


def _mscoco(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    content = {
        "images": [{"id": n, "file_name": _name(n)} for n in range(count)],
        "annotations": [
            {"id": _TEXTS * n + number, "image_id": n, "caption": text}
            for n in range(count)
            for number, text in enumerate(_texts(n))
        ],
    }
    (folder / "captions.json").write_text(json.dumps(content))
    return folder / "captions.json"


def _parquet(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    return _write_parquet(folder / "pairs.parquet", count, _name)


def _parquet_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()

    def cell(n: int) -> dict:
        return {"bytes": f"picture {n}".encode(), "path": _name(n)}

    return _write_parquet(folder / "pairs.parquet", count, cell)


def _write_parquet(path: Path, count: int, cell: Callable) -> Path:
    schema = pa.Table.from_pylist([{"image": cell(0), "captions": _texts(0)}]).schema
    with pq.ParquetWriter(path, schema) as file:
        for first in range(0, count, _FOLDER):
            numbers = range(first, min(first + _FOLDER, count))
            rows = [{"image": cell(n), "captions": _texts(n)} for n in numbers]
            file.write_table(pa.Table.from_pylist(rows, schema))
    return path


def _text_files(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    for n in range(count):
        (folder / _name(n)).with_suffix(".txt").write_text("\n".join(_texts(n)))
    return folder


def _classes(folder: Path, count: int) -> Path:
    _write_pictures(folder, count)
    return folder


def _shards(folder: Path, count: int) -> Path:
    folder.mkdir()
    for first in range(0, count, 10 * _FOLDER):
        with tarfile.open(folder / f"{first:07}.tar", "w") as archive:
            for n in range(first, min(first + 10 * _FOLDER, count)):
                for name, content in _members(n):
                    member = tarfile.TarInfo(name)
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    return folder


def _members(n: int) -> Iterator[tuple[str, bytes]]:
    yield f"{n:06}.jpg", f"picture {n}".encode()
    yield f"{n:06}.txt", "\n".join(_texts(n)).encode()


_LAYOUTS = {
    "CSV, a row for each pair": _csv,
    "TSV, five columns of texts": _numbered,
    "JSON lines, a row for each pair": _json_lines,
    "JSON lines, lists of texts": _json_lists,
    "MSCOCO's JSON": _mscoco,
    "Parquet, lists of texts": _parquet,
    "Parquet, with the pictures": _parquet_pictures,
    "`.txt` files beside the pictures": _text_files,
    "folders of classes, a text for each folder": _classes,
    "WebDataset, 10,000 samples a shard": _shards,
}

if __name__ == "__main__":
    app.run(main)
