"""Tests of what runs the parts of the benchmark and puts their figures on one page."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest

from benchmarks.machine import machine, versions
from benchmarks.peers.results import write_results
from benchmarks.peers.running import run_parts

ROOT = Path(__file__).parents[2]
PART = """
import os, sys, time
from pathlib import Path

FULL = {{"rows": 100}}
SMALL = {{"rows": 2}}

def measure(file, repetitions, rows):
    {body}
    return {{"rows": rows, "repetitions": repetitions, "file": str(file), "process": os.getpid()}}

def section(figures):
    return f"## Made-up {name}\\n\\n{{figures['rows']}} rows.\\n"

def losing(figures):
    return {losing}
"""
BODIES = {
    "made_up_good": "pass",
    "made_up_failing": "raise ValueError('no such luck')",
    "made_up_killed": "os.kill(os.getpid(), 9)",
    # Waits for ever, in a process of its own too, until a file beside its figures is there.
    "made_up_slow": """
    import subprocess, tempfile
    go = Path(file).with_name("go")
    if not go.exists():
        code = "import time; time.sleep(600)"
        other = subprocess.Popen([sys.executable, "-c", code])
        Path(file).with_name("begun").write_text(f"{os.getpid()} {other.pid}")
        with tempfile.TemporaryDirectory(dir=go.parent, prefix="for-the-time-being-"):
            time.sleep(600)
""",
}


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Made-up parts, by name, that this process and those that it starts can import."""
    folder = tmp_path / "modules"
    folder.mkdir()
    for name, body in BODIES.items():
        losing = ["It is slow.", "It is large."] if name == "made_up_good" else []
        text = PART.format(body=body.strip(), name=name[8:], losing=losing)
        (folder / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(folder))
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    return {name[8:]: name for name in BODIES}


def test_parts_run_in_processes_of_their_own_and_once(tmp_path, modules, capsys):
    chosen = {"good": modules["good"], "again": modules["good"]}
    assert run_parts(chosen, tmp_path / "kept", 3, small=True) == {}
    records = [json.loads((tmp_path / "kept" / f"{name}.json").read_text()) for name in chosen]
    figures = records[0]["figures"]
    assert (figures["rows"], figures["repetitions"]) == (2, 3)
    assert figures["file"] == str(tmp_path / "kept" / "good.json")
    assert len({os.getpid(), *(record["figures"]["process"] for record in records)}) == 3
    assert (records[0]["small"], records[0]["repetitions"]) == (True, 3)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", records[0]["date"])
    assert records[0]["versions"]["numpy"] == np.__version__
    assert records[0]["machine"] == machine()
    assert {path.name for path in (tmp_path / "kept").iterdir()} == {"good.json", "again.json"}
    capsys.readouterr()

    assert run_parts({"good": modules["good"]}, tmp_path / "kept", 3, small=True) == {}
    assert json.loads((tmp_path / "kept" / "good.json").read_text()) == records[0]
    assert "[1/1] good: measured before" in capsys.readouterr().out
    assert run_parts({"good": modules["good"]}, tmp_path / "kept", 3, small=False) == {}
    assert json.loads((tmp_path / "kept" / "good.json").read_text())["figures"]["rows"] == 100


def test_a_part_that_fails_keeps_none_from_the_others(tmp_path, modules, capfd):
    chosen = {name: modules[name] for name in ("failing", "killed", "good")}
    failed = run_parts(chosen, tmp_path, 5, small=True)
    assert failed == {"failing": "failed with exit status 1", "killed": "failed by signal 9"}
    out, err = capfd.readouterr()
    assert "ValueError: no such luck" in err
    assert "[2/3] killed: failed by signal 9" in out
    assert "[3/3] good: done" in out
    assert [path.name for path in tmp_path.glob("*.json")] == ["good.json"]

    missing = write_results({**chosen, "later": "no_such_module"}, tmp_path, tmp_path, failed)
    assert missing == ["failing", "killed", "later"]
    page = (tmp_path / "RESULTS.md").read_text()
    assert (
        "**Missing here:** failing (failed with exit status 1); killed (failed by signal 9); "
        "later (not measured)." in page
    )
    assert "## Made-up good" in page


def test_the_page(tmp_path, modules):
    record = {
        "date": "2030-01-02",
        "seconds": 90.0,
        "small": False,
        "repetitions": 5,
        "machine": "A processor, 2 cores",
        "versions": {"python": "3.11.2", "numpy": "2.0.0"},
        "figures": {"rows": 7},
    }
    second = {**record, "repetitions": 6, "small": True, "date": "2030-01-03"}
    records = {"slow": record, "good": second}
    for name, kept in records.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(kept))
    shown = {name: modules[name] for name in records}
    assert write_results(shown, tmp_path, tmp_path / "written", {}) == []
    assert {path.name for path in (tmp_path / "written").iterdir()} == {
        "RESULTS.md",
        "RESULTS.json",
    }
    assert json.loads((tmp_path / "written" / "RESULTS.json").read_text()) == records
    page = (tmp_path / "written" / "RESULTS.md").read_text()
    assert page.startswith("# Beside the peers\n\n")
    assert "Missing here" not in page
    assert page.index("`make benchmark`") < page.index("Machine: A processor, 2 cores.\n")
    assert "Versions: python 3.11.2, numpy 2.0.0.\n" in page
    assert "- Measured on (slow): 2030-01-02.\n- Measured on (good): 2030-01-03.\n" in page
    assert page.endswith("""
## Where the package loses

*Made-up good.* It is slow. It is large.

## Made-up slow

7 rows.

`python -m benchmarks.peers --parts=slow` (1.5 minutes)

## Made-up good

7 rows.

`python -m benchmarks.peers --parts=good --repetitions=6 --small` (1.5 minutes)
""")
    (tmp_path / "good.json").unlink()
    write_results({"slow": modules["slow"]}, tmp_path, tmp_path, {})
    page = (tmp_path / "RESULTS.md").read_text()
    assert "\n## Where the package loses\n\nNowhere in what is shown here.\n" in page

    # On a clean clone the page keeps what it shows of the parts that are not measured again.
    written, empty = tmp_path / "written", tmp_path / "empty"
    empty.mkdir()
    (empty / "good.json").write_text(json.dumps({**second, "date": "2031-01-01"}))
    assert write_results(shown, empty, written, {}) == []
    kept = json.loads((written / "RESULTS.json").read_text())
    assert {name: part["date"] for name, part in kept.items()} == {
        "slow": "2030-01-02",
        "good": "2031-01-01",
    }
    assert write_results(shown, empty, written, {"slow": "failed by signal 9"}) == ["slow"]
    assert "Missing here:** slow (failed by signal 9)." in (written / "RESULTS.md").read_text()

    del record["figures"]["rows"]
    (tmp_path / "good.json").write_text(json.dumps(record))
    assert write_results(shown, tmp_path, tmp_path, {}) == ["good"]
    page = (tmp_path / "RESULTS.md").read_text()
    assert "good (measured, but its figures could not be shown)" in page
    assert "## Made-up slow" in page


def test_a_run_that_is_killed_leaves_no_process_and_goes_on(tmp_path, modules):
    code = (
        "import signal, sys; from pathlib import Path\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "from benchmarks.peers.running import run_parts\n"
        f"run_parts({{'good': 'made_up_good', 'slow': 'made_up_slow'}}, Path({str(tmp_path)!r}), "
        "5, True)"
    )
    running = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    begun = tmp_path / "begun"
    while not (begun.exists() and " " in begun.read_text()):
        assert running.poll() is None
        time.sleep(0.05)
    running.send_signal(signal.SIGTERM)
    assert running.wait(30) == 143
    for process in begun.read_text().split():
        state = Path(f"/proc/{process}/status")
        assert not state.exists() or "State:\tZ" in state.read_text()
    assert (tmp_path / "good.json").exists()
    assert not (tmp_path / "slow.json").exists()
    assert not list(tmp_path.glob("for-the-time-being-*"))

    before = (tmp_path / "good.json").read_text()
    (tmp_path / "go").touch()
    chosen = {name: modules[name] for name in ("good", "slow")}
    assert run_parts(chosen, tmp_path, 5, small=True) == {}
    assert (tmp_path / "good.json").read_text() == before
    assert json.loads((tmp_path / "slow.json").read_text())["figures"]["rows"] == 2


def test_the_machine(tmp_path):
    (tmp_path / "cpuinfo").write_text("model name\t: A Processor @ 2 GHz\nflags\t\t: fpu avx512f\n")
    (tmp_path / "meminfo").write_text("MemTotal:       16777216 kB\n")
    told = machine(tmp_path)
    assert told.startswith(
        f"A Processor @ 2 GHz, without AVX512-BF16, {os.cpu_count()} cores, 16 GiB of memory, "
    )
    assert os.uname().sysname in told
    (tmp_path / "cpuinfo").write_text("model name : B\nflags : fpu avx512_bf16\n")
    assert machine(tmp_path).startswith("B, with AVX512-BF16, ")
    assert f", {os.cpu_count()} cores, " in f", {machine(tmp_path / 'none')}"


def test_the_versions():
    found = versions()
    assert found["python"] == sys.version.split()[0]
    assert found["tensorflow"] == metadata.version("tensorflow")
    assert None not in found.values()


def test_the_command_line(tmp_path):
    def run(*words):
        command = [sys.executable, "-m", "benchmarks.peers", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    done = run("--parts=nothing_such")
    assert done.returncode == 1
    assert "each must be one of training_step, loss, large_batch," in done.stderr

    record = {"small": True, "figures": {}, "machine": "M", "versions": {}, "date": "d"}
    record |= {"seconds": 1, "repetitions": 5}
    (tmp_path / "ablations.json").write_text(json.dumps(record))
    done = run("--parts=ablations", "--small", f"--directory={tmp_path}")
    assert done.returncode == 1
    assert "[1/1] ablations: measured before" in done.stdout
    assert "Failed: ablations" in done.stderr
    page = (tmp_path / "RESULTS.md").read_text()
    assert "training_step (not measured)" in page
    assert "ablations (measured, but its figures could not be shown)" in page
