"""Tests of the benchmarks: each runs small, keeps what it measured, and shows it as a table."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.ablation import ablation_table, machine, measured_in_turn

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SMALL = {
    "neighborhood": ["--pictures=24"],
    "localization": ["--scenes=2"],
}
COLUMNS = {"neighborhood": 6, "localization": 4}
SETTINGS = {"neighborhood": 4, "localization": 7}


def test_the_table():
    measured = {
        "on, seed 0": {"recall@1": 50.0, "seconds": 1.0, "recall@5": 9.0},
        "on, seed 1": {"recall@1": 53.0, "seconds": 2.0, "recall@5": 9.0},
        "on, seed 2": {"recall@1": 56.04, "seconds": 3.0, "recall@5": 9.0},
        "off, seed 0": {"recall@1": 10.0, "seconds": 0.26, "recall@5": 9.0},
        "off, seed 1": {"recall@1": 10.0, "seconds": 0.26, "recall@5": 9.0},
        "off, seed 2": {"recall@1": 10.0, "seconds": 0.26, "recall@5": 9.0},
        "no longer asked for, seed 0": {},
    }
    settings = {"on": {"a": 1}, "off": {}}
    assert ablation_table(measured, settings, 3, ("recall@1", "seconds")) == (
        "| | recall@1 | seconds |\n"
        "|---|---|---|\n"
        "| on | 53.0 ± 3.0 | 2.0 ± 1.0 |\n"
        "| off | 10.0 ± 0.0 | 0.3 ± 0.0 |\n"
    )
    assert "| on | 50.0 ± 0.0 |" in ablation_table(measured, settings, 1, ("recall@1",))


def test_settings_are_measured_in_turn_and_kept_as_they_come(tmp_path, capsys):
    file, settings, calls = tmp_path / "kept" / "x.json", {"on": {"a": 1}, "off": {"a": 0}}, []

    def measure(changes, seed):
        calls.append((changes["a"], seed))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {"figure": changes["a"] + seed / 3}

    with pytest.raises(KeyboardInterrupt):
        measured_in_turn(file, settings, 2, measure)
    assert json.loads(file.read_text()) == {
        "on, seed 0": {"figure": 1.0},
        "off, seed 0": {"figure": 0.0},
    }
    measured = measured_in_turn(file, settings, 2, measure)
    assert calls == [(1, 0), (0, 0), (1, 1), (1, 1), (0, 1)]
    assert measured == json.loads(file.read_text())
    assert measured["on, seed 1"] == {"figure": 1.333}
    assert list(measured) == ["on, seed 0", "off, seed 0", "on, seed 1", "off, seed 1"]
    capsys.readouterr()
    assert measured_in_turn(file, settings, 1, measure) == measured
    assert len(calls) == 5
    assert capsys.readouterr().out == ""


def test_the_machine_is_told():
    assert machine().endswith("cores; the seconds are those of a shared machine.")


def run(script, directory):
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), f"--directory={directory}"]
    command += ["--seeds=1", "--epochs=1", *SMALL[script]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS.parent)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_every_benchmark_is_tested():
    scripts = {file.stem for file in BENCHMARKS.glob("*.py")}
    assert scripts == {*SMALL, "ablation"}


@pytest.mark.parametrize("script", SMALL)
def test_a_benchmark_runs_small_and_measures_nothing_twice(script, tmp_path):
    for package in ("resvg_py", "keras_hub", "cv2"):
        pytest.importorskip(package)
    out = run(script, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{script}.json", f"{script}.md"]
    page, figures = (tmp_path / f"{script}{suffix}" for suffix in (".md", ".json"))
    page, figures = page.read_text(), figures.read_text()
    measured = json.loads(figures)
    assert len(measured) == SETTINGS[script]
    for key, row in measured.items():
        assert key.endswith(", seed 0")
        assert f"{key}: {row}" in out
        recalls = [value for name, value in row.items() if "recall@" in name]
        assert recalls
        assert all(0 <= value <= 100 for value in recalls)
    assert page in out
    assert f"python benchmarks/{script}.py" in page
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + SETTINGS[script]
    assert {line.count("|") for line in lines} == {COLUMNS[script] + 2}

    again = run(script, tmp_path)
    assert "seed 0:" not in again
    assert (tmp_path / f"{script}.json").read_text() == figures
    assert (tmp_path / f"{script}.md").read_text() == page
