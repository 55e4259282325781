"""Tests of a training that is killed and continued, against one that is not."""

import os
import pathlib
import signal
import subprocess
import sys
import textwrap

import keras
import numpy as np
import pytest

import tb_keras
from tb_keras.batching import neighborhood_batches
from tb_keras.corpus.corpus import Corpus
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import attach_losses
from tb_keras.training.callbacks.training_backup import TrainingBackup, training_state

# Three epochs are done and backed up; the process is killed in the middle of the fourth.
KILLED = """
    import os, signal, sys
    import keras
    from tests.training.callbacks.test_training_backup import compiled_model, fit

    class Kill(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.epoch = epoch
        def on_train_batch_end(self, batch, logs=None):
            if self.epoch == 3 and batch == 1:
                os.kill(os.getpid(), signal.SIGKILL)

    fit(compiled_model(), sys.argv[1], epochs=6, callbacks=[Kill()])
"""


def toy_corpus():
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(12, 5)), rng.normal(size=(24, 4))
    return Corpus(np.arange(24) // 2, image_features=images, text_features=texts)


def compiled_model(build=EmbeddingNetwork):
    keras.utils.set_random_seed(0)
    network = build(5, 4, hidden_dim=8, embedding_dim=3, dropout=0.5, noise=0.1)
    model = attach_losses(network)
    model.compile(keras.optimizers.Adam(0.01))
    return model


def fit(model, directory, epochs, callbacks=(), seconds_between=0.0):
    """Goes on where the backup in `directory` is; returns the epoch it began with."""
    backup = TrainingBackup(directory, seconds_between)
    first = backup.restore(model)
    batches = neighborhood_batches(toy_corpus(), 4, first_epoch=first)
    callbacks = [backup, *callbacks]
    model.fit(
        batches, initial_epoch=first, epochs=epochs, callbacks=callbacks, shuffle=False, verbose=0
    )
    return first


def state(model):
    """Weights, running averages and optimizer variables: all that is to be the same again."""
    variables = [*model.weights, *model.optimizer.variables]
    return [variable.numpy() for variable in variables]


def assert_same_state(found, expected):
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_happened(tmp_path):
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "backup")],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pathlib.Path(tb_keras.__file__).parents[1],
    )
    assert process.returncode == -signal.SIGKILL, process.stderr[-3000:]
    assert os.listdir(tmp_path / "backup") == ["epoch-00003.weights.h5"]

    whole = compiled_model()
    assert fit(whole, tmp_path / "other", epochs=3) == 0
    after_three = state(whole)
    restored = compiled_model()
    assert TrainingBackup(tmp_path / "backup").restore(restored) == 3
    assert_same_state(state(restored), after_three)
    assert restored.optimizer.iterations == whole.optimizer.iterations > 0

    assert fit(restored, tmp_path / "backup", epochs=6) == 3
    assert fit(whole, tmp_path / "other", epochs=6) == 3
    assert_same_state(state(restored), state(whole))
    moved = [np.abs(now - then).max() for now, then in zip(state(whole), after_three)]
    assert max(moved) > 1e-3


@pytest.mark.slow
def test_the_similarity_network_goes_on_with_all_its_parts(tmp_path):
    """Each text has one match and all negatives are scored: nothing is left to chance."""
    whole, stopped, restored = (compiled_model(SimilarityNetwork) for _ in range(3))
    fit(whole, tmp_path / "whole", epochs=4)
    fit(stopped, tmp_path / "backup", epochs=2)
    assert fit(restored, tmp_path / "backup", epochs=4) == 2
    assert len(restored.layers[-1].fusion.weights) > 0
    assert_same_state(state(restored), state(whole))
    assert max(np.abs(a - b).max() for a, b in zip(state(whole), state(stopped))) > 1e-3


def test_nothing_to_restore(tmp_path):
    model = compiled_model()
    before = state(model)
    assert TrainingBackup(tmp_path / "nowhere").restore(model) == 0
    assert_same_state(state(model), before)


def back_up(model, directory, epoch, seconds_between=0.0):
    """What `fit` does at an epoch's end, after an epoch that made every variable its number."""
    for variable in [*model.trainable_variables, *model.optimizer.variables]:
        variable.assign(np.full(variable.shape, epoch))
    backup = TrainingBackup(directory, seconds_between)
    backup.set_model(model)
    backup.on_epoch_end(epoch)


@pytest.mark.parametrize(
    ("what", "kept"), [("h5py.File.close", 0), ("os.replace", 0), ("pathlib.Path.unlink", 1)]
)
def test_an_interrupted_backup_leaves_a_whole_one(tmp_path, monkeypatch, what, kept):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    model = compiled_model()
    model.optimizer.build(model.trainable_variables)
    back_up(model, tmp_path / "backup", epoch=0)
    with monkeypatch.context() as patched:
        patched.setattr(what, interrupted)
        with pytest.raises(KeyboardInterrupt):
            back_up(model, tmp_path / "backup", epoch=1)
    restored = compiled_model()
    assert TrainingBackup(tmp_path / "backup").restore(restored) == kept + 1
    for variable in [*restored.trainable_variables, *restored.optimizer.variables]:
        np.testing.assert_array_equal(variable.numpy(), np.full(variable.shape, kept))
    TrainingBackup(tmp_path / "backup").clear()
    assert os.listdir(tmp_path) == []


def test_not_every_epoch_is_backed_up(tmp_path):
    model = compiled_model()
    model.optimizer.build(model.trainable_variables)
    back_up(model, tmp_path / "backup", epoch=0, seconds_between=3600)
    assert not (tmp_path / "backup").exists()
    TrainingBackup(tmp_path / "backup").clear()


def test_epochs_are_told_apart_by_number_not_by_name(tmp_path):
    for epoch in (99_999, 100_000, 2):
        (tmp_path / f"epoch-{epoch:05d}.weights.h5").touch()
    assert TrainingBackup(tmp_path)._backups()[-1].name == "epoch-100000.weights.h5"


def test_a_training_in_bfloat16_goes_on(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, dtype="bfloat16")])
    model.compile("adam", "mse")
    x, y = np.ones((4, 3)), np.ones((4, 2))
    backup = TrainingBackup(tmp_path, seconds_between=0)
    model.fit(x, y, epochs=1, verbose=0, callbacks=[backup])
    expected = [np.float32(v.numpy()) for v in training_state(model)]
    model.fit(x, y, epochs=1, verbose=0)
    assert backup.restore(model) == 1
    for variable, value in zip(training_state(model), expected, strict=True):
        np.testing.assert_array_equal(np.float32(variable.numpy()), value)
