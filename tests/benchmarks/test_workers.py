"""Tests of jobs that are shared out over processes and kept as they come."""

import json
import os

import pytest

from benchmarks.peers.workers import shared_out


def test_jobs_are_kept_as_they_come(tmp_path, capsys):
    file, calls = tmp_path / "kept" / "jobs.jsonl", []

    def squared(number):
        calls.append(number)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return {"square": number**2}

    jobs = {f"job {number}": (number,) for number in (3, 1, 2)}
    with pytest.raises(KeyboardInterrupt):
        shared_out(file, squared, jobs, workers=0)
    assert [json.loads(line)["key"] for line in file.read_text().splitlines()] == ["job 3", "job 1"]
    with file.open("a") as lines:
        lines.write('{"key": "job 2", "res')  # what was being written when it was killed
    results = shared_out(file, squared, jobs, workers=0)
    assert calls == [3, 1, 2, 2]
    assert list(results.items()) == [(f"job {n}", {"square": n**2}) for n in (3, 1, 2)]
    assert len(list(map(json.loads, file.read_text().splitlines()))) == 3
    assert "3/3 job 2: {'square': 4}" in capsys.readouterr().out
    assert shared_out(file, squared, {"job 1": (1,)}, workers=0) == {"job 1": {"square": 1}}
    assert len(calls) == 4
    assert shared_out(file, squared, {"job 5": (5,)}, workers=0) == {"job 5": {"square": 25}}


def test_workers_compute_on_one_thread(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    jobs = {name: (name,) for name in names}
    found = shared_out(tmp_path / "jobs.jsonl", os.getenv, jobs, workers=2)
    assert found == dict.fromkeys(names, "1")
    assert [os.environ.get(name) for name in names] == ["7", None]
    assert shared_out(tmp_path / "jobs.jsonl", os.getenv, jobs, workers=0) == found


def test_a_process_ends_after_some_jobs(tmp_path):
    jobs = {f"job {number}": () for number in range(21)}
    processes = shared_out(tmp_path / "jobs.jsonl", os.getpid, jobs, workers=1).values()
    assert len(processes) == 21
    assert len({*processes} - {os.getpid()}) == 3


def test_what_a_job_raises_is_raised(tmp_path):
    jobs = {"good": ("OMP_NUM_THREADS",), "bad": (3,)}
    with pytest.raises(TypeError):
        shared_out(tmp_path / "jobs.jsonl", os.getenv, jobs, workers=1)
    assert json.loads((tmp_path / "jobs.jsonl").read_text()) == {"key": "good", "result": "1"}
