"""Jobs shared out over processes of one thread each, whose results are kept as they come."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path

from tb_keras.storage.atomic_file import written_beside

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
_JOBS_OF_A_PROCESS = 10  # then a new one: TensorFlow keeps some 70 MB of every training


def shared_out(
    file: Path, function: Callable[..., dict], jobs: Mapping[str, tuple], workers: int
) -> dict[str, dict]:
    """Returns `function(*arguments)` of every job, several at a time.

    Args:
        file: JSON lines in which the results are kept; a job whose key is there is not done again.
        function: defined at the top of a module; its result is JSON.
        jobs: arguments by key; a key must tell all that the result depends on.
        workers: processes, of one thread each; 0 for this process alone.

    Returns:
        The results by key, in the order of `jobs`.

    Raises:
        Exception: the first that a job raises; the results that are there by then are kept.
    """
    kept = _kept(file)
    missing = {key: arguments for key, arguments in jobs.items() if key not in kept}
    done = len(jobs) - len(missing)
    with file.open("a") as lines:
        for key, result in _as_they_come(function, missing, workers):
            kept[key] = result
            lines.write(json.dumps({"key": key, "result": result}) + "\n")
            lines.flush()
            done += 1
            print(f"{done}/{len(jobs)} {key}: {result!s:.300}", flush=True)  # some are long
    return {key: kept[key] for key in jobs}


def _kept(file: Path) -> dict[str, dict]:
    """The results in `file`; a last line that was cut off is taken out of it."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        return {}
    text = file.read_text()
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        with written_beside(file) as beside:
            beside.write_text(whole)
    return {line["key"]: line["result"] for line in map(json.loads, whole.splitlines())}


def _as_they_come(
    function: Callable[..., dict], jobs: Mapping[str, tuple], workers: int
) -> Iterator[tuple[str, dict]]:
    if not workers:
        yield from ((key, function(*arguments)) for key, arguments in jobs.items())
        return
    keys, round_size = list(jobs), workers * _JOBS_OF_A_PROCESS
    for round_keys in (keys[i : i + round_size] for i in range(0, len(keys), round_size)):
        spawn = multiprocessing.get_context("spawn")
        with _one_thread_each(), ProcessPoolExecutor(workers, spawn) as pool:
            futures = {pool.submit(function, *jobs[key]): key for key in round_keys}
            try:
                for future in as_completed(futures):
                    yield futures[future], future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """For processes started within: two trainings at a time are quicker so than one on two."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
