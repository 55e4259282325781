"""Tests of the features on disk: encoded once, anew when anything changes, whole at any time."""

import os

import numpy as np
import pytest

from tb_keras.storage.feature_cache import cached_features


class CountingEncoder:
    """Encodes a string as its length and its first character, and remembers what it was given."""

    def __init__(self):
        self.encoded = []

    def __call__(self, items):
        self.encoded += items
        return np.array([[len(item), ord(item[0])] for item in items], np.float64)


@pytest.fixture
def encoder():
    return CountingEncoder()


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


ITEMS = ["a", "bb", "c", "dd", "eee", "f", "g", "hh"]


def features(items, encode, **settings):
    return cached_features(
        {"encoder": "counting", **settings}, items, str, encode, False, items_per_file=3
    )


def test_the_second_call_does_not_encode(encoder, directory):
    first = features(ITEMS, encoder)
    assert encoder.encoded == ITEMS
    second = features(ITEMS, encoder)
    assert encoder.encoded == ITEMS
    for found in (first, second):
        assert found.dtype == np.float32
        assert found.tolist() == [[len(item), ord(item[0])] for item in ITEMS]
    assert len(os.listdir(directory)) == 3


def test_changed_content_is_encoded_anew_and_the_rest_is_not(encoder):
    features(ITEMS, encoder)
    changed = [*ITEMS[:4], "EEEE", *ITEMS[5:]]
    encoder.encoded.clear()
    assert features(changed, encoder)[4].tolist() == [4, ord("E")]
    assert encoder.encoded == ["dd", "EEEE", "f"]
    encoder.encoded.clear()
    features(ITEMS, encoder)
    assert encoder.encoded == []


def test_the_content_counts_not_the_name(encoder):
    """As with pictures: the items are paths, the digest is that of what they hold."""
    contents = {"one.png": "x", "two.png": "y"}

    def paths():
        return cached_features({}, list(contents), contents.get, encoder, False, items_per_file=3)

    paths()
    contents["two.png"] = "z"
    paths()
    paths()
    assert encoder.encoded == ["one.png", "two.png"] * 2


@pytest.mark.parametrize("settings", [{"version": 2}, {"encoder": "other"}, {"packages": {"p": 1}}])
def test_changed_settings_are_encoded_anew(encoder, settings):
    features(ITEMS, encoder)
    features(ITEMS, encoder, **settings)
    assert encoder.encoded == ITEMS * 2


def test_the_order_of_settings_does_not_count(encoder):
    for settings in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        cached_features(settings, ITEMS, str, encoder, False, items_per_file=3)
    assert encoder.encoded == ITEMS


def test_another_order_of_items_is_another_answer(encoder):
    features(ITEMS, encoder)
    assert features(ITEMS[::-1], encoder)[0].tolist() == [2, ord("h")]


def test_an_interrupted_encode_keeps_whole_chunks(encoder, directory):
    def interrupted(items):
        if "g" in items:
            raise KeyboardInterrupt
        return encoder(items)

    with pytest.raises(KeyboardInterrupt):
        features(ITEMS, interrupted)
    assert encoder.encoded == ITEMS[:6]
    assert len(os.listdir(directory)) == 2
    features(ITEMS, encoder)
    assert encoder.encoded == ITEMS  # the last chunk only


@pytest.mark.parametrize("what", ["numpy.save", "os.replace"])
def test_an_interrupted_write_leaves_no_file(encoder, directory, monkeypatch, what):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(what, interrupted)
        with pytest.raises(KeyboardInterrupt):
            features(ITEMS, encoder)
    assert os.listdir(directory) == []
    assert features(ITEMS, encoder).shape == (8, 2)


def test_files_are_whole_and_of_features_alone(encoder, directory):
    found = features(ITEMS, encoder)
    rows = [np.load(file) for file in directory.iterdir()]
    assert {file.suffix for file in directory.iterdir()} == {".npy"}
    assert sorted(map(len, rows)) == [2, 3, 3]
    assert sorted(map(tuple, np.concatenate(rows))) == sorted(map(tuple, found))


def test_progress_is_shown_only_when_there_is_something_to_do(encoder, capsys):
    for expected in (True, False):
        cached_features({}, ITEMS, str, encoder, items_per_file=3)
        assert ("8/8" in capsys.readouterr().out) == expected
    cached_features({}, [*ITEMS[:3], "new"], str, encoder, items_per_file=3)
    assert "1/1" in capsys.readouterr().out
