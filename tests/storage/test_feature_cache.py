"""Tests of the features on disk: encoded once, anew when anything changes, whole at any time."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tb_keras.storage.feature_cache import cached_features
from tb_keras.storage.kept_directory import delete_kept, kept_features
from tests.storage.kills import killed_at


class CountingEncoder:
    """Encodes a string as its length and its first character, and remembers what it was given."""

    def __init__(self):
        self.encoded = []

    def __call__(self, items):
        self.encoded += items
        return np.array(as_encoded(items), np.float64)


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
        {"encoder": "counting", **settings}, items, str, encode, False, items_per_write=3
    )


def as_encoded(items):
    return [[len(item), ord(item[0])] for item in items]


def test_the_second_call_does_not_encode(encoder, directory):
    first = features(ITEMS, encoder)
    assert encoder.encoded == ITEMS
    second = features(ITEMS, encoder)
    assert encoder.encoded == ITEMS
    for found in (first, second):
        assert found.dtype == np.float32
        assert found.tolist() == as_encoded(ITEMS)
    (folder,) = directory.iterdir()
    assert sorted(os.listdir(folder)) == [".lock", "digests", "rows.npy", "settings.json"]
    np.testing.assert_array_equal(np.load(folder / "rows.npy"), first)
    assert json.loads((folder / "settings.json").read_text()) == {"encoder": "counting"}


def test_only_what_is_new_or_changed_is_encoded(encoder):
    features(ITEMS, encoder)
    changed = ["new in front", *ITEMS[:4], "EEEE", *ITEMS[5:-1], "newer"]
    encoder.encoded.clear()
    assert features(changed, encoder).tolist() == as_encoded(changed)
    assert encoder.encoded == ["new in front", "EEEE", "newer"]
    encoder.encoded.clear()
    assert features(ITEMS, encoder).tolist() == as_encoded(ITEMS)
    assert encoder.encoded == []


def test_equal_items_are_encoded_once(encoder):
    items = ["a", "b", "a", "c", "b", "d", "a"]
    assert features(items, encoder).tolist() == as_encoded(items)
    assert encoder.encoded == ["a", "b", "c", "d"]


def test_the_content_counts_not_the_name(encoder):
    """As with pictures: the items are paths, the digest is that of what they hold."""
    contents = {"one.png": "x", "two.png": "y"}

    def paths():
        return cached_features({}, list(contents), contents.get, encoder, False, items_per_write=3)

    paths()
    contents["two.png"] = "z"
    paths()
    paths()
    assert encoder.encoded == ["one.png", "two.png", "two.png"]


@pytest.mark.parametrize("settings", [{"version": 2}, {"encoder": "other"}, {"packages": {"p": 1}}])
def test_changed_settings_are_encoded_anew(encoder, settings):
    features(ITEMS, encoder)
    features(ITEMS, encoder, **settings)
    assert encoder.encoded == ITEMS * 2


def test_the_order_of_settings_does_not_count(encoder):
    for settings in ({"a": 1, "b": 2}, {"b": 2, "a": 1}):
        cached_features(settings, ITEMS, str, encoder, False)
    assert encoder.encoded == ITEMS


def test_another_order_of_items_is_another_answer(encoder):
    features(ITEMS, encoder)
    assert features(ITEMS[::-1], encoder).tolist() == as_encoded(ITEMS[::-1])
    assert encoder.encoded == ITEMS


def test_ints_and_odd_strings(encoder):
    items = ["\ud800", "a\0", "", "a", "日本"]
    found = cached_features(
        {}, items, str, lambda some: np.array([[len(item)] for item in some], np.int64), False
    )
    assert found.dtype == np.int32
    assert found.tolist() == [[1], [2], [0], [1], [2]]


def test_nothing_to_encode_is_an_error(encoder):
    with pytest.raises(ValueError, match="`items` must hold at least one item"):
        features([], encoder)


def test_an_interrupted_encode_keeps_what_was_written(encoder):
    def interrupted(items):
        if "g" in items:
            raise KeyboardInterrupt
        return encoder(items)

    with pytest.raises(KeyboardInterrupt):
        features(ITEMS, interrupted)
    assert encoder.encoded == ITEMS[:6]
    features(ITEMS, encoder)
    assert encoder.encoded == ITEMS  # only the last ones


@pytest.mark.parametrize("call", range(12))
def test_killed_at_any_moment_of_a_write(encoder, monkeypatch, call):
    with killed_at(monkeypatch, call) as calls:
        features(ITEMS, encoder)
    assert len(calls) > call
    assert features(ITEMS, encoder).tolist() == as_encoded(ITEMS)
    encoder.encoded.clear()
    features(ITEMS, encoder)
    assert encoder.encoded == []


def test_a_digest_that_was_cut_off_does_not_count(encoder, directory):
    features(ITEMS, encoder)
    (file,) = directory.glob("*/digests")
    for length in (0, 7, 32, 100):
        file.write_bytes(file.read_bytes()[:length])
        encoder.encoded.clear()
        assert features(ITEMS, encoder).tolist() == as_encoded(ITEMS)
        assert encoder.encoded == ITEMS[length // 32 :]


def test_rows_that_were_cut_off_do_not_count(encoder, directory):
    features(ITEMS, encoder)
    (file,) = directory.glob("*/rows.npy")
    np.save(file, np.load(file)[:5])
    encoder.encoded.clear()
    assert features(ITEMS, encoder).tolist() == as_encoded(ITEMS)
    assert encoder.encoded == ITEMS[5:]


def test_processes_at_once(encoder, directory):
    """As threads: nothing is lost or kept twice, and each has its own order."""
    lists = [[f"{chr(97 + (n * step) % 26)}{n}" for n in range(60)] for step in (1, 3, 5, 7)]

    def slowly(items):
        time.sleep(0.002)
        return encoder(items)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda items: features(items, slowly), lists * 2))
    assert [part.tolist() for part in found] == [as_encoded(items) for items in lists * 2]
    (digests,) = directory.glob("*/digests")
    content = digests.read_bytes()
    distinct = len({item for items in lists for item in items})
    assert len({content[start : start + 32] for start in range(0, len(content), 32)}) == distinct
    assert len(content) == 32 * distinct


def test_deleted_while_it_is_filled(encoder):
    def deleting(items):
        if "g" in items and encoder.encoded.count("a") == 1:
            (kept,) = kept_features()
            assert delete_kept(kept)
        return encoder(items)

    assert features(ITEMS, deleting).tolist() == as_encoded(ITEMS)
    assert encoder.encoded.count("a") == 2


def test_progress_is_shown_only_when_there_is_something_to_do(encoder, capsys):
    for expected in (True, False):
        cached_features({}, ITEMS, str, encoder, items_per_write=3)
        assert ("8/8" in capsys.readouterr().out) == expected
    cached_features({}, [*ITEMS[:3], "new"], str, encoder, items_per_write=3)
    assert "1/1" in capsys.readouterr().out
