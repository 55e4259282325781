"""Tests of the directories of kept features: listed, and deleted unless in use."""

import os
import time

import numpy as np
import pytest

from tb_keras.storage.feature_cache import cached_features
from tb_keras.storage.kept_directory import delete_kept, kept_features, locked


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path))
    return tmp_path / "features"


def keep(name, items="ab"):
    return cached_features(
        {"encoder": name, "long": "x" * 5000},
        items,
        str,
        lambda some: np.ones((len(some), 3)),
        False,
    )


def test_nothing_is_kept():
    assert kept_features() == []


def test_what_is_kept(directory):
    keep("old", "abc")
    keep("new")
    (directory / "left.npy").write_bytes(b"x" * 9)
    os.utime(directory / "left.npy", (5, 5))
    (old,) = (kept for kept in kept_features() if kept.settings.get("encoder") == "old")
    os.utime(old.path / "settings.json", (1000, 1000))
    new, old, left = kept_features()
    assert (new.settings, new.items) == ({"encoder": "new"}, 2)
    assert (old.settings, old.items, old.last_used) == ({"encoder": "old"}, 3, 1000)
    assert old.size == sum(file.stat().st_size for file in old.path.iterdir())
    assert left == (directory / "left.npy", {}, 0, 9, 5)
    keep("old", "a")  # is a use
    assert kept_features()[0].settings == {"encoder": "old"}
    assert time.time() - kept_features()[0].last_used < 60


def test_deletion(directory):
    keep("one")
    (kept,) = kept_features()
    assert delete_kept(kept)
    assert os.listdir(directory) == []
    keep("one")
    (directory / "left.npy").write_bytes(b"x")
    for kept in kept_features():
        assert delete_kept(kept)
    assert os.listdir(directory) == []


def test_what_is_being_written_stays():
    keep("one")
    (kept,) = kept_features()
    with locked(kept.path):
        assert not delete_kept(kept)
    assert len(kept_features()) == 1
    assert delete_kept(kept)
