"""Tests of the benchmarks on photographs, on drawings in the layout of Flickr8k."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scripts.published_layouts import write_flickr8k

ROOT = Path(__file__).parents[2]
ROWS = {
    "accuracy": (7, 4),
    "claims": (16, 6),
    "index_types": (9,),
    "shared_space": (9,),
    "sizes": (8, 20),
    "trained_encoders": (8, 5, 17, 16),
}
OPTIONS = {"accuracy": ["--default_seeds=1"]}


@pytest.fixture(scope="module")
def flickr8k(tmp_path_factory):
    directory = tmp_path_factory.mktemp("flickr8k")
    write_flickr8k(directory)
    return directory


@pytest.mark.parametrize("script", ROWS)
def test_a_benchmark_runs_small_and_measures_nothing_twice(script, tmp_path, flickr8k):
    command = [sys.executable, "-m", f"benchmarks.photographs.{script}", f"--data={flickr8k}"]
    command += ["--seeds=1", "--epochs=1", f"--directory={tmp_path}"]
    command += OPTIONS.get(script, [])
    kept = {}
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 0, done.stderr[-3000:]
        kept, before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}, kept
    assert kept == before
    assert ", seed 0:" not in done.stdout
    measured = json.loads(kept[f"{script}.json"])
    assert len(measured) == sum(ROWS[script])
    assert all(0 <= row.get("rsum", 0) <= 600 for row in measured.values())
    page = kept[f"{script}.md"].decode()
    assert page in done.stdout
    tables = [part.count("\n|") for part in page.split("\n## Published")[0].split("\n## ")[1:]]
    assert tables == [rows + 2 for rows in ROWS[script]]


def test_every_benchmark_is_tested():
    files = (ROOT / "benchmarks" / "photographs").glob("*.py")
    assert {file.stem for file in files if "app.run(main)" in file.read_text()} == {
        *ROWS,
        "languages",
    }
