"""Test of the page of other runtimes, on a run of few drawings."""

import json
import subprocess
import sys

import pytest

from tests.forks import ROOT, environment
from tests.scripts.drawn_table import write_table
from tests.scripts.running import run_forked

ALL = "--format=onnx,litert,openvino"
SMALL = ["--epochs=1", "--hidden_dim=64", "--embedding_dim=32", "--start=random"]
WAY = [
    ["train", "--data=pairs.csv", "--run=runs/mine", *SMALL],
    ["export", "--run=runs/mine"],
    ["export", "--run=runs/mine", ALL],
    ["export", "--run=runs/mine", ALL, "--weights=int8"],
]


def test_the_page_of_a_small_run(tmp_path):
    for package in ("tf2onnx", "ai_edge_litert", "nncf"):
        pytest.importorskip(package)
    write_table(tmp_path)
    for ended in run_forked(tmp_path, WAY):
        assert ended.code == 0, ended.err
    command = [sys.executable, "-m", "benchmarks.serving.runtimes", f"--directory={tmp_path}"]
    command += ["--run=runs/mine", "--models=savedmodels/mine", "--seconds=0.1"]
    path = {**environment(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=path)
    assert done.returncode == 0, done.stderr[-3000:]
    figures = json.loads((tmp_path / "runtimes.json").read_text())
    assert len(figures) == 8
    right = figures.pop("TensorFlow, float32")
    for name, row in figures.items():
        exact = not name.endswith("int8")
        assert (row["difference"] < 1e-4) == exact, name
        assert row["rsum"] == pytest.approx(right["rsum"], abs=1e-3 if exact else 200)
        assert row["image, 32"]["ratio"] > 0
    sizes = [figures[f"onnx, {weights}"]["megabytes"] for weights in ("int8", "float32")]
    assert sizes[0] < 0.6 * sizes[1]
    page = (tmp_path / "runtimes.md").read_text()
    assert page in done.stdout
    assert page.count("\n| ") == 2 + 8 + 7
