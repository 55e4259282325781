"""Tests of two processes that train together: one is killed, and both go on from the backup."""

import csv
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest

from benchmarks.replicas import workers
from tb_keras.training import Recipe, train_network
from tests.forks import ROOT, environment
from tests.training.toy_corpora import retrieval_corpus

RECIPE = Recipe(
    hidden_dim=16,
    embedding_dim=8,
    noise=0.2,
    margin=0.2,
    images_per_batch=8,
    epochs=6,
    learning_rate=0.01,
)
MINUTES = 4  # until processes are given up

WORKER = """
import os, signal, sys
from pathlib import Path

from tb_keras.training import replica_strategy, train_network
from tb_keras.training import whole_training as module
from tests.training.replicas import test_workers as test

strategy = replica_strategy()
folder, killed = Path(sys.argv[1]), sys.argv[2] == "killed"


class Backup(module.TrainingBackup):
    def __init__(self, directory):
        super().__init__(directory, 0.0)


class Killed(module.DivergenceCheck):
    def on_train_batch_end(self, batch, logs=None):
        if killed and (self._epoch, batch) == (3, 1):
            os.kill(os.getpid(), 9)


module.TrainingBackup, module.DivergenceCheck = Backup, Killed
network = test.trained(folder, strategy)
folder.mkdir(exist_ok=True)
network.save(folder / "returned.keras")
sys.stdout.flush()
os._exit(0)
"""


def trained(folder, strategy=None):
    train, validation = retrieval_corpus(20, 0), retrieval_corpus(15, 1)
    return train_network(train, validation, RECIPE, folder, strategy=strategy)


def ended(folder, names, killed=None):
    """The exit codes of processes with a folder each, of which one is killed in epoch 4."""
    started = []
    for name, added in zip(names, workers(len(names))):
        way = "killed" if name == killed else "whole"
        settings = {**environment(folder), "TF_CONFIG": added["TF_CONFIG"]}
        command = [sys.executable, "-c", WORKER, str(folder / name), way]
        with (folder / f"{name}.log").open("w") as log:
            started.append(
                subprocess.Popen(command, cwd=ROOT, env=settings, stdout=log, stderr=log)
            )
    try:
        return [process.wait(60 * MINUTES) for process in started]
    finally:
        for process in started:
            process.kill()


def history(folder):
    with (folder / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_workers_end_as_one_device_through_a_kill(tmp_path):
    whole = trained(tmp_path / "one")
    chief_code, killed_code = ended(tmp_path, ["chief", "other"], killed="other")
    assert killed_code == -signal.SIGKILL
    assert chief_code == 1  # it does not wait for ever for the one that is gone
    told = (tmp_path / "chief.log").read_text()
    assert "ConnectionError: another worker has ended: start all again" in told
    assert not (tmp_path / "chief" / "result.json").exists()
    assert len(history(tmp_path / "chief")) == 3
    # Another takes the place of the one that was killed, and has nothing on its disk.
    assert ended(tmp_path, ["chief", "third"]) == [0, 0]
    expected, found = history(tmp_path / "one"), history(tmp_path / "chief")
    assert [line["epoch"] for line in found] == [line["epoch"] for line in expected]
    assert [file.name for file in (tmp_path / "third").iterdir()] == ["returned.keras"]
    for name in ("loss", "violating", "val_rsum"):
        ours, theirs = ([float(line[name]) for line in lines] for lines in (found, expected))
        assert ours == pytest.approx(theirs, rel=1e-4)
    # Called once more, all return the chief's network.
    assert ended(tmp_path, ["chief", "fourth"]) == [0, 0]
    embedded = whole.embed_images(retrieval_corpus(15, 1).image_features)
    for name in ("chief", "third", "fourth"):
        network = keras.saving.load_model(tmp_path / name / "returned.keras")
        again = network.embed_images(retrieval_corpus(15, 1).image_features)
        np.testing.assert_allclose(again, embedded, atol=1e-3)
