"""Tests of what `tb-cache` lists and deletes."""

import os
import time

import numpy as np
import pytest

from tb_keras.features.feature_file import mapped_features
from tb_keras.scripts.tables.kept_entries import chosen_entries, entries_table, kept_entries
from tb_keras.storage.cache_key import encoder_settings
from tb_keras.storage.feature_cache import cached_features


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache directory with features of four kinds, drawings, and a file of the user."""
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path))
    for name, days in (("vgg19_fc7", 40), ("minilm", 2)):
        settings = encoder_settings("text" if name == "minilm" else "image", name)
        keep = {**settings, "crops": 10} if name == "vgg19_fc7" else settings
        cached_features(keep, "abc", str, encode, False)
        (settings_file,) = (
            file
            for file in tmp_path.glob("features/*/settings.json")
            if f'"encoder": "{name}"' in file.read_text()
        )
        used(settings_file, days)
    exported = {"saved_model": "0123456789abcdef" * 4, "signature": "embed_text"}
    cached_features(exported, "a", str, encode, False)
    (tmp_path / "features" / "old.npy").write_bytes(b"x" * 1_500_000)
    used(tmp_path / "features" / "old.npy", 100)
    (tmp_path / "scenes" / "a").mkdir(parents=True)
    (tmp_path / "scenes" / "a" / "1.png").write_bytes(b"x")
    used(tmp_path / "scenes" / "a" / "1.png", 50)
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "mine").mkdir()
    return tmp_path


def encode(items):
    return np.ones((len(items), 4))


def used(file, days):
    seconds = time.time() - days * 24 * 3600
    os.utime(file, (seconds, seconds))


def named(entries):
    return [(entry.encoder, entry.kind, entry.items) for entry in entries]


ALL = [
    ("exported model 0123456789ab", "embed_text", 1),
    ("minilm", "text", 3),
    ("vgg19_fc7", "image, 10 crops", 3),
    ("scenes", "drawn pictures", 1),
    ("-", "files of an older version", 0),
]


def test_what_is_listed():
    assert named(kept_entries()) == ALL
    lines = entries_table(kept_entries()).splitlines()
    assert lines[0].split() == ["encoder", "what", "items", "size", "last", "used"]
    first = [line.split()[0] for line in lines[2:]]
    assert first == ["exported", "minilm", "vgg19_fc7", "scenes", "-", "all"]
    assert "1.5 MB" in lines[6]
    assert time.strftime("%Y-%m-%d") in lines[2]


def test_copies_in_order_are_told_apart():
    mapped_features(encoder_settings("text", "minilm"), "cab", str, encode, verbose=False)
    assert ("minilm", "text, in order", 3) in named(kept_entries())


def test_what_is_chosen(cache):
    entries = kept_entries()
    assert named(chosen_entries(entries)) == ALL
    assert named(chosen_entries(entries, "minilm")) == ALL[1:2]
    assert named(chosen_entries(entries, older_than=30)) == ALL[2:]
    assert named(chosen_entries(entries, "minilm", 30)) == []
    cached_features({**encoder_settings("text", "minilm"), "more": 1}, "a", str, encode, False)
    (both,) = chosen_entries(kept_entries(), "minilm")
    (old,) = chosen_entries(kept_entries(), "minilm", 1)
    assert (both.items, old.items) == (4, 3)
    assert old.size < both.size


def test_deletion(cache):
    for entry in chosen_entries(kept_entries(), older_than=45):
        assert entry.delete() == entry.size
    assert named(kept_entries()) == ALL[:3]
    for entry in kept_entries():
        entry.delete()
    assert kept_entries() == []
    assert sorted(os.listdir(cache)) == ["features", "mine", "mine.txt"]
