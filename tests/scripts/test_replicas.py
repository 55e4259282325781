"""tb-train over parts of the CPU, and in two processes that TF_CONFIG joins."""

import subprocess

import numpy as np
import pytest

from benchmarks.replicas import workers
from tb_keras.scripts.runs.run import Run
from tests.forks import environment
from tests.scripts.drawn_table import write_table
from tests.scripts.running import SMALL_IMAGE_ENCODERS, check, command_line, run_forked

pytestmark = [pytest.mark.xdist_group("forking"), pytest.mark.slow]

TRAIN = [
    *("train", "--data=pairs.csv", "--text_encoder=tfidf", "--epochs=2"),
    *("--hidden_dim=16", "--embedding_dim=4", "--images_per_batch=4"),
]
MINUTES = 4


def kernel(folder, run):
    return Run(folder / run).network("embedding", 0).image_branch.get_layer("hidden").kernel.numpy()


def test_replicas_and_workers_train_what_one_device_trains(tmp_path):
    write_table(tmp_path)
    one, two, finished, odd = run_forked(
        tmp_path,
        [
            [*TRAIN, "--run=runs/one"],
            [*TRAIN, "--run=runs/two", "--replicas=2"],
            [*TRAIN, "--run=runs/two", "--replicas=2"],
            [*TRAIN, "--run=runs/odd", "--replicas=3"],
        ],
        SMALL_IMAGE_ENCODERS,
    )
    for ended in (one, two, finished):
        check(ended, 0, "Next: tb-evaluate")
    check(odd, 1, "`images_per_batch` must be a multiple of the replicas, 3")
    expected = kernel(tmp_path, "runs/one")
    np.testing.assert_allclose(kernel(tmp_path, "runs/two"), expected, atol=1e-3)

    script, *flags = [*TRAIN, "--run=runs/workers"]
    command = command_line(script, *flags)
    command[2] = SMALL_IMAGE_ENCODERS + command[2]
    settings = environment(tmp_path)
    started = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**settings, "TF_CONFIG": worker["TF_CONFIG"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for worker in workers(2)
    ]
    try:
        (out, _), (nothing, _) = [process.communicate(timeout=60 * MINUTES) for process in started]
    finally:
        for process in started:
            process.kill()
    assert [process.returncode for process in started] == [0, 0]
    assert "Next: tb-evaluate" in out.decode()
    assert nothing == b""
    assert not (tmp_path / "runs/workers/embedding/seed-0/backup").exists()
    np.testing.assert_allclose(kernel(tmp_path, "runs/workers"), expected, atol=1e-3)
