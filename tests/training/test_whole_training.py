"""Tests of the whole training on tiny features: the best epoch, repetition, continuation."""

import csv
import dataclasses
import json
import pathlib
import signal
import subprocess
import sys
import time
import typing

import keras
import numpy as np
import pytest

import tb_keras
from tb_keras.batching import shard_sample, write_shards
from tb_keras.evaluation import retrieval_metrics
from tb_keras.evaluation.baselines.chance import chance_metrics
from tb_keras.networks import SimilarityNetwork
from tb_keras.training import network_metrics
from tb_keras.training import whole_training as module
from tb_keras.training.callbacks.training_backup import TrainingBackup
from tb_keras.training.recipes.recipe import Recipe
from tests.forks import run_forked
from tests.training.toy_corpora import retrieval_corpus

pytestmark = pytest.mark.xdist_group("forking")

train_network = module.train_network

RECIPE = Recipe(
    hidden_dim=16,
    embedding_dim=8,
    dropout=0.0,  # the masks of a continued training are others
    margin=0.2,
    images_per_batch=8,
    epochs=6,
    learning_rate=0.01,
)


TRAIN, VALIDATION = retrieval_corpus(20, 0), retrieval_corpus(15, 1)


def train(directory, recipe=RECIPE, seed=0):
    return train_network(TRAIN, VALIDATION, recipe, directory, seed)


def rsum(network):
    return retrieval_metrics(
        network.embed_images(VALIDATION.image_features),
        network.embed_texts(VALIDATION.text_features),
        VALIDATION.matches,
    )["rsum"]


def history(directory):
    with (directory / "history.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    directory = tmp_path_factory.mktemp("finished") / "seed-0"
    return directory, train(directory)


def test_the_network_is_that_of_the_best_epoch(finished):
    directory, network = finished
    figures = [float(line["val_rsum"]) for line in history(directory)]
    result = json.loads((directory / "result.json").read_text())
    assert result["figure"] == max(figures) > figures[0]
    assert (result["monitor"], result["seed"]) == ("val_rsum", 0)
    assert result["seconds"] > 0
    np.testing.assert_allclose(rsum(network), max(figures), rtol=1e-6)
    assert json.loads((directory / "network.json").read_text())["epoch"] == np.argmax(figures)


class FallingFigures(keras.callbacks.Callback):
    """Stands for an evaluation that finds every epoch worse than the one before."""

    def __init__(self, network, validation):
        super().__init__()

    def on_epoch_end(self, epoch, logs):
        logs["val_rsum"] = 100.0 - epoch


@pytest.mark.slow
@pytest.mark.parametrize(("kept_epoch", "epoch"), [("best", 0), ("last", 2)])
def test_the_network_is_that_of_the_epoch_that_the_recipe_says(
    tmp_path, monkeypatch, kept_epoch, epoch
):
    monkeypatch.setattr(module, "CorpusEvaluation", FallingFigures)
    train(tmp_path / "kept", dataclasses.replace(RECIPE, epochs=3, kept_epoch=kept_epoch))
    kept = json.loads((tmp_path / "kept" / "network.json").read_text())
    assert kept == {"val_rsum": 100.0 - epoch, "epoch": epoch}
    result = json.loads((tmp_path / "kept" / "result.json").read_text())
    assert result["figure"] == 100.0 - epoch


def test_from_shards_goes_on_with_the_batches_that_follow(tmp_path, monkeypatch):
    write_shards(TRAIN, tmp_path / "shards", images_per_shard=7, verbose=False)
    recipe = dataclasses.replace(RECIPE, epochs=3, kept_epoch="last")
    sample = shard_sample(tmp_path / "shards", most_bytes=400)
    assert 0 < sample.num_images < TRAIN.num_images

    def trained(directory, recipe=recipe, sample=sample, **others):
        return train_network(
            sample, VALIDATION, recipe, directory, shards=tmp_path / "shards", **others
        )

    whole = trained(tmp_path / "whole")
    assert rsum(whole) > 1.3 * chance_metrics(VALIDATION.matches)["rsum"]

    class Killed(keras.callbacks.Callback):
        """After the backup of the first epoch."""

        def __init__(self, *others):
            super().__init__()

        def on_epoch_end(self, epoch, logs):
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "TrainingProgress", Killed)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "killed")
    gone_on = trained(tmp_path / "killed")
    assert [line["epoch"] for line in history(tmp_path / "killed")] == ["0", "1", "2"]
    for ours, theirs in zip(gone_on.get_weights(), whole.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)

    with pytest.raises(ValueError, match="`mined_images` must be 0 with `shards`"):
        trained(tmp_path / "no", dataclasses.replace(recipe, mined_images=2))
    with pytest.raises(ValueError, match="`shards` and `teacher` must be None for the network cca"):
        trained(tmp_path / "no", Recipe(network="cca"))
    with pytest.raises(ValueError, match="must have image_features of size 6, as `train` has"):
        trained(tmp_path / "no", sample=sample.replace(image_features=sample.image_features[:, :6]))


def test_what_a_finished_training_leaves(finished):
    directory, _ = finished
    assert sorted(path.name for path in directory.iterdir()) == [
        "history.csv",
        "network.json",
        "network.keras",
        "result.json",
    ]
    lines = history(directory)
    assert [int(line["epoch"]) for line in lines] == list(range(RECIPE.epochs))
    assert {"loss", "violating", "val_rsum", "val_i2t_recall@1"} <= set(lines[0])
    losses = [float(line["loss"]) for line in lines]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_another_seed_gives_another_network_and_a_batch_may_be_larger_than_the_corpus(
    finished, tmp_path
):
    other = train(tmp_path, dataclasses.replace(RECIPE, images_per_batch=500, epochs=1), seed=1)
    assert len(history(tmp_path)) == 1
    ours, theirs = (n.image_branch.get_layer("hidden").kernel for n in (finished[1], other))
    assert not np.allclose(ours, theirs, atol=0.1)


def test_a_finished_training_is_not_repeated(finished, monkeypatch):
    directory, network = finished

    def fail(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(keras.Model, "fit", fail)
    left = directory / "backup" / "epoch-00002.weights.h5"  # by a kill after the result was written
    left.parent.mkdir()
    left.touch()
    for ours, theirs in zip(network.get_weights(), train(directory).get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    assert not left.parent.exists()


class OneBackup(TrainingBackup):
    """Backs up after epoch 2 alone, and keeps the numbers of the epochs it is told of."""

    gone_through: typing.ClassVar = []

    def on_epoch_end(self, epoch, logs=None):
        self.gone_through.append(epoch)
        self.seconds_between = 0.0 if epoch == 1 else 1e9
        super().on_epoch_end(epoch, logs)


KILLED_AFTER_4 = """
import os, pathlib, signal
from tests.training import test_whole_training as test

class Killed(test.OneBackup):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        if epoch == 3:
            os.kill(os.getpid(), signal.SIGKILL)

test.module.TrainingBackup = Killed
test.train(pathlib.Path("seed-0"))
"""


def test_the_same_seed_gives_the_same_training_through_a_kill(finished, tmp_path, monkeypatch):
    """A backup after epoch 2 and a kill after epoch 4: epochs 3 and 4 are gone through again."""
    directory = tmp_path / "seed-0"
    (tmp_path / "killed.py").write_text(KILLED_AFTER_4)
    (killed,) = run_forked(tmp_path, [(tmp_path, "program", "killed.py")])
    assert killed.code == -signal.SIGKILL, killed.err
    assert [int(line["epoch"]) for line in history(directory)] == [0, 1, 2, 3]
    assert not (directory / "result.json").exists()
    with (directory / "history.csv").open("a") as file:
        file.write("4,0.1")  # a line that was cut
    monkeypatch.setattr(module, "TrainingBackup", OneBackup)
    network = train(directory)
    assert OneBackup.gone_through == [2, 3, 4, 5]
    assert not (directory / "backup").exists()
    whole, continued = history(finished[0]), history(directory)
    assert [line["epoch"] for line in continued] == [line["epoch"] for line in whole]
    for name in ("loss", "val_rsum"):
        assert [float(line[name]) for line in continued] == pytest.approx(
            [float(line[name]) for line in whole], rel=1e-3
        )
    for ours, theirs in zip(finished[1].get_weights(), network.get_weights()):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


KILLED_PROCESS = """
import sys
from tb_keras.training import whole_training as module
from tb_keras.training.callbacks.training_backup import TrainingBackup
from tests.training import test_whole_training as test

class Backup(TrainingBackup):
    def __init__(self, directory):
        super().__init__(directory, 0.0)

module.TrainingBackup = Backup
test.train(sys.argv[1], test.LONG)
"""
LONG = dataclasses.replace(RECIPE, epochs=10_000)


@pytest.mark.slow
def test_continued_after_sigkill(tmp_path):
    """Wherever the kill comes, what is on disk is whole."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_PROCESS, str(tmp_path / "seed-0")],
        cwd=pathlib.Path(tb_keras.__file__).parents[1],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    backups = tmp_path / "seed-0" / "backup"
    while not list(backups.glob("epoch-0*")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    backup = max(backups.glob("epoch-0*.h5"))
    done = int(backup.name[6:11])
    recipe = dataclasses.replace(LONG, epochs=done + 2)
    network = train(tmp_path / "seed-0", recipe)
    lines = history(tmp_path / "seed-0")
    assert [int(line["epoch"]) for line in lines] == list(range(done + 2))
    result = json.loads((tmp_path / "seed-0" / "result.json").read_text())
    np.testing.assert_allclose(rsum(network), result["figure"], rtol=1e-6)
    assert not backups.exists()


@pytest.mark.slow
def test_a_loss_that_is_no_number_ends_the_training_with_an_error(tmp_path):
    recipe = dataclasses.replace(RECIPE, learning_rate=1e30)
    with pytest.raises(ValueError, match=r"the loss became (nan|inf) in epoch \d"):
        train(tmp_path, recipe)
    assert not (tmp_path / "result.json").exists()


def test_settings_that_another_part_checks(tmp_path):
    for setting in ({"margin": -1.0}, {"hidden_dim": 0}, {"positive": "some"}):
        (name,) = setting
        with pytest.raises(ValueError, match=f"`{name}` must be"):
            train(tmp_path, dataclasses.replace(RECIPE, **setting))


@pytest.mark.slow
def test_the_similarity_network_retrieves_better_than_chance(tmp_path):
    """On images and texts that it has not seen, of the same two views."""
    train_corpus, validation = (
        retrieval_corpus(60, 0, noise=0.1),
        retrieval_corpus(20, 1, noise=0.1),
    )
    recipe = dataclasses.replace(
        RECIPE, network="similarity", joint_dims=(16, 8), images_per_batch=20, epochs=20
    )
    network = train_network(train_corpus, validation, recipe, tmp_path)
    assert isinstance(network, SimilarityNetwork)
    lines = history(tmp_path)
    assert float(lines[-1]["misclassified"]) < float(lines[0]["misclassified"])
    chance = chance_metrics(validation.matches)
    found = network_metrics(network, validation)
    assert found["rsum"] > 1.5 * chance["rsum"]
    assert found["i2t_mean_rank"] < 0.6 * chance["i2t_mean_rank"]
    assert json.loads((tmp_path / "result.json").read_text())["figure"] == found["rsum"]


@pytest.mark.parametrize("missing", ["image_features", "text_features"])
def test_missing_features(tmp_path, missing):
    without = TRAIN.replace(**{missing: None})
    for corpora in ((without, VALIDATION), (TRAIN, without)):
        with pytest.raises(ValueError, match=r"must have image_features and text_features"):
            train_network(*corpora, RECIPE, tmp_path)
    assert not list(tmp_path.iterdir())
