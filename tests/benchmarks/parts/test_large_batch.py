"""Tests of the part of the benchmark on large batches, and of how memory is measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.peers.kept_figures import KeptFigures
from benchmarks.peers.limited_process import most_memory
from benchmarks.peers.parts import large_batch
from benchmarks.peers.parts.large_batch import CACHED, PLAIN
from tests.benchmarks.table_cells import unpadded

reads_memory = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="memory is read from /proc"
)


def filling(inputs_mib, mib):
    inputs = np.ones(int(inputs_mib * 2**17))
    return lambda: np.full(int(mib * 2**17), inputs[0])


def failing_later(small):
    def fail():
        if not small:
            raise KeyError("another error")

    return fail


@reads_memory
def test_memory_is_that_of_the_call():
    assert 45 <= most_memory(filling, (30, 50), (1, 1), 30) <= 60
    assert most_memory(filling, (30, 50), (1, 1), 30, limit_gib=1) >= 45
    assert most_memory(filling, (30, 300), (1, 1), 30, limit_gib=0.25) is None
    with pytest.raises(KeyError, match="another error"):
        most_memory(failing_later, (False,), (True,), 0, limit_gib=1)


def test_figures_are_kept_until_the_part_is_finished(tmp_path):
    file, calls = tmp_path / "part.json", []

    def measure(value):
        calls.append(value)
        return [value]

    assert KeptFigures(file, {"sizes": (1, 2)}).of("one", measure, 1) == [1]
    again = KeptFigures(file, {"sizes": (1, 2)})
    assert again.of("one", measure, 3) == [1]
    assert again.of("two", measure, 2) == [2]
    assert KeptFigures(file, {"sizes": (1, 3)}).of("one", measure, 4) == [4]
    assert calls == [1, 2, 4]
    assert not file.exists()
    again.finished()
    again.finished()
    assert list(tmp_path.iterdir()) == []


@reads_memory
def test_it_runs_small(tmp_path):
    figures = large_batch.measure(tmp_path / "large_batch.json", 2, **large_batch.SMALL)
    figures = json.loads(json.dumps(figures))
    (size,) = figures["sizes"]
    assert list(size["memory"]) == list(size["seconds"]) == [PLAIN, CACHED]
    assert all(memory > 0 for memory in size["memory"].values())
    assert all(len(seconds) == 2 for seconds in size["seconds"].values())
    page = unpadded(large_batch.section(figures))
    assert page.startswith("## Large batches on small memory\n")
    assert page.count("| 6 × 12 |") == 2
    assert "too much memory" not in page
    assert large_batch.losing(figures) == []
    assert list(tmp_path.iterdir()) == []


def test_the_goal_is_held_against_what_was_measured():
    size = {"images": 8000, "memory": {CACHED: 2500.0}, "seconds": {CACHED: [40.0, 42.0]}}
    figures = {"dims": [4, 3, 2, 1], "rows": 5, "sizes": [size]}
    (sentence,) = large_batch.losing(figures)
    assert "2,500 MiB over the features at 8,000 × 16,000" in sentence
    assert "| 8,000 × 16,000 | gradient caching | 2,500 | 5.12 |" in unpadded(
        large_batch.section(figures)
    )
    assert "too much memory" in large_batch.section(figures)
    size["memory"][CACHED] = 2000.0
    assert large_batch.losing(figures) == []


def test_both_steps_begin_with_the_same_loss():
    calls = large_batch.step_calls([PLAIN, CACHED], 6, 4, (5, 4, 7, 3))
    plain, cached = (calls[name]() for name in (PLAIN, CACHED))
    # Not equal: dropout draws other numbers, and batch norm takes its statistics over chunks.
    assert 0 < plain < 10
    assert 0 < cached < 10
