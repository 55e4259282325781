"""Measures the parts of the benchmark one after the other, each in a process of its own."""

from __future__ import annotations

import datetime
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from benchmarks.machine import machine, versions
from tb_keras.storage.atomic_file import written_beside

_ROOT = Path(__file__).parents[2]
_PATIENCE = 10  # seconds that a process has to end by itself


def run_parts(
    modules: Mapping[str, str], directory: Path, repetitions: int, small: bool
) -> dict[str, str]:
    """Measures parts that are not measured yet; one that fails does not keep the next from it.

    A part's figures are kept in `directory/PART.json`, with when, on what, with which versions and
    in how many seconds they were measured. Those of the other size are measured anew.

    Args:
        modules: by name of each part; what a part is, is told in `benchmarks.peers.parts`.
        directory: where the figures are kept.
        repetitions: as `measure` of a part takes it.
        small: whether to measure the sizes SMALL in place of FULL.

    Returns:
        By name of each part that failed, how it ended.
    """
    failed = {}
    for number, (name, module) in enumerate(modules.items(), start=1):
        heading, file = f"[{number}/{len(modules)}] {name}", directory / f"{name}.json"
        if file.exists() and json.loads(file.read_text())["small"] == small:
            print(
                f"{heading}: measured before; to measure it again, remove {directory / name}.*",
                flush=True,
            )
            continue
        print(f"{heading}: begins", flush=True)
        started = time.monotonic()
        ended = _measured(module, file, repetitions, small)
        print(f"{heading}: {ended or 'done'}, {time.monotonic() - started:.0f} s", flush=True)
        if ended:
            failed[name] = ended
    return failed


def _measured(module: str, file: Path, repetitions: int, small: bool) -> str:
    """Measures a part and keeps its figures; returns how it failed, empty where it did not."""
    began, started = datetime.date.today().isoformat(), time.monotonic()
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        words = [module, str(file), str(figures), str(repetitions), "SMALL" if small else "FULL"]
        code = _exit_code([sys.executable, "-m", "benchmarks.peers.one_part", *words])
        if code:
            return f"failed by signal {-code}" if code < 0 else f"failed with exit status {code}"
        record = {
            "date": began,
            "seconds": round(time.monotonic() - started, 1),
            "small": small,
            "repetitions": repetitions,
            "machine": machine(),
            "versions": versions(),
            "figures": json.loads(figures.read_text()),
        }
    with written_beside(file) as beside:
        beside.write_text(json.dumps(record, indent=1) + "\n")
    return ""


def _exit_code(command: list[str]) -> int:
    """Runs a command that ends when this process is told to end, and all that it started."""
    paths = [str(_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        return process.wait()
    finally:
        _end_session(process)


def _end_session(process: subprocess.Popen) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(_PATIENCE)
        except ProcessLookupError:  # none of them is left
            return
        except subprocess.TimeoutExpired:
            continue
