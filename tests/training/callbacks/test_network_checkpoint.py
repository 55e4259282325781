"""Tests of the network on disk: the best one, whole, whatever interrupts."""

import json
import os

import keras
import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import NetworkCheckpoint


@pytest.fixture
def network():
    return EmbeddingNetwork(3, 2, hidden_dim=4, embedding_dim=2)


def set_weights(network, value):
    """Stands for an epoch of training: every weight gets one value."""
    network.set_weights([np.full_like(weight, value) for weight in network.get_weights()])


def saved_value(path):
    weights = keras.saving.load_model(path).get_weights()
    values = {float(value) for weight in weights for value in weight.ravel()}
    assert len(values) == 1
    return values.pop()


@pytest.mark.parametrize(
    ("mode", "figures", "kept"),
    [
        ("max", [1.0, 3.0, 2.0, 3.0], 1),
        ("min", [2.0, 3.0, 1.0, 1.0], 2),
        ("max", [5.0, 4.0], 0),
        ("max", [-1.0, 0.0, 0.5], 2),
        ("last", [3.0, 1.0, 2.0], 2),
    ],
)
def test_the_best_or_the_last_network_is_kept(tmp_path, network, mode, figures, kept):
    path = tmp_path / "run" / "network.keras"
    checkpoint = NetworkCheckpoint(network, path, monitor="figure", mode=mode)
    for epoch, figure in enumerate(figures):
        set_weights(network, epoch)
        checkpoint.on_epoch_end(epoch, {"figure": figure, "loss": 1.0})
    assert saved_value(path) == kept
    record = json.loads((tmp_path / "run" / "network.json").read_text())
    assert record == {"figure": figures[kept], "epoch": kept}
    assert sorted(os.listdir(path.parent)) == ["network.json", "network.keras"]


def test_a_training_that_is_continued_knows_the_best_so_far(tmp_path, network):
    path = tmp_path / "network.keras"
    set_weights(network, 7)
    NetworkCheckpoint(network, path).on_epoch_end(0, {"val_rsum": np.float32(300)})
    again = NetworkCheckpoint(network, path)
    assert again.kept == 300
    set_weights(network, 8)
    again.on_epoch_end(1, {"val_rsum": 299.0})
    assert saved_value(path) == 7
    again.on_epoch_end(2, {"val_rsum": 301.0})
    assert saved_value(path) == 8


def test_an_interrupted_save_leaves_the_older_network(tmp_path, network, monkeypatch):
    path = tmp_path / "network.keras"
    checkpoint = NetworkCheckpoint(network, path)
    set_weights(network, 1)
    checkpoint.on_epoch_end(0, {"val_rsum": 1.0})
    set_weights(network, 2)

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    for what in ("os.replace", "zipfile.ZipFile.writestr"):
        again = NetworkCheckpoint(network, path)
        with monkeypatch.context() as patched:
            patched.setattr(what, interrupted)
            with pytest.raises(KeyboardInterrupt):
                again.on_epoch_end(1, {"val_rsum": 2.0})
        assert sorted(os.listdir(tmp_path)) == ["network.json", "network.keras"]
        assert saved_value(path) == 1
        assert NetworkCheckpoint(network, path).kept == 1.0
    NetworkCheckpoint(network, path).on_epoch_end(1, {"val_rsum": 2.0})
    assert saved_value(path) == 2
    assert sorted(os.listdir(tmp_path)) == ["network.json", "network.keras"]


def test_a_figure_that_is_not_in_the_logs_is_named(tmp_path, network):
    checkpoint = NetworkCheckpoint(network, tmp_path / "network.keras")
    with pytest.raises(ValueError, match=r"one of \['loss'\]. Received: 'val_rsum'"):
        checkpoint.on_epoch_end(0, {"loss": 1.0})


@pytest.mark.parametrize(
    ("path", "mode", "message"),
    [
        ("network.h5", "max", r"`path` must end in .keras. Received: 'network.h5'"),
        ("network.keras", "auto", r"`mode` must be 'max', 'min' or 'last'. Received: 'auto'"),
    ],
)
def test_wrong_settings_are_named(network, path, mode, message):
    with pytest.raises(ValueError, match=message):
        NetworkCheckpoint(network, path, mode=mode)
