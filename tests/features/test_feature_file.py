"""Tests of the features in one file: written bit by bit, whole or not there, gone on with."""

import contextlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tb_keras.features import feature_file as feature_file_module
from tb_keras.features.feature_file import feature_file

ROWS = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(feature_file_module, "_ROWS_BETWEEN_NOTES", 12)
    return tmp_path / "cache" / "features"


class Blocks:
    """Gives `rows` in blocks of 5, remembers where it began, and stops before row `killed_at`."""

    def __init__(self, rows=ROWS, killed_at=None):
        self.rows, self.killed_at = rows, killed_at
        self.starts, self.given = [], 0

    def __call__(self, start):
        self.starts.append(start)
        for first in range(start, len(self.rows), 5):
            if self.killed_at is not None and first >= self.killed_at:
                raise KeyboardInterrupt
            self.given += len(self.rows[first : first + 5])
            yield self.rows[first : first + 5]


def features(blocks, num_rows=50, **settings):
    return feature_file({"encoder": "none", **settings}, num_rows, blocks, verbose=False)


def test_float16_kept_on_disk_and_computed_once(directory):
    blocks = Blocks()
    first, second = features(blocks), features(blocks)
    for found in (first, second):
        assert isinstance(found, np.memmap)
        assert found.dtype == np.float16
        assert not found.flags.writeable
        np.testing.assert_array_equal(found, ROWS.astype(np.float16))
    assert blocks.starts == [0]
    (folder,) = directory.iterdir()
    assert sorted(os.listdir(folder)) == [".lock", "rows.npy", "settings.json"]


def test_ints_are_kept_as_int32_also_behind_a_kill():
    rows = np.arange(300).reshape(50, 6)
    with pytest.raises(KeyboardInterrupt):
        features(Blocks(rows, killed_at=25))
    blocks = Blocks(rows)
    found = features(blocks)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, rows)
    assert blocks.starts == [15]


@pytest.mark.parametrize("settings", [{"encoder": "other"}, {"more": 1}])
def test_other_settings_are_another_file(settings):
    features(Blocks())
    blocks = Blocks(ROWS + 1)
    np.testing.assert_array_equal(features(blocks, **settings), (ROWS + 1).astype(np.float16))


def test_another_number_of_rows_is_another_file():
    features(Blocks())
    assert features(Blocks(ROWS[:20]), 20).shape == (20, 6)


@pytest.mark.parametrize("killed_at", [0, 10, 15, 25, 45])
def test_a_killed_run_goes_on_behind_the_last_noted_row(directory, killed_at):
    with pytest.raises(KeyboardInterrupt):
        features(Blocks(killed_at=killed_at))
    assert not list(directory.glob("*/rows.npy"))
    blocks = Blocks()
    np.testing.assert_array_equal(features(blocks), ROWS.astype(np.float16))
    assert blocks.starts == [killed_at // 15 * 15]  # noted after 3 blocks of 5, the first ≥ 12
    (folder,) = directory.iterdir()
    assert sorted(os.listdir(folder)) == [".lock", "rows.npy", "settings.json"]


def test_killed_again_and_again():
    starts = []
    for killed_at in (20, 35, 40, None):
        blocks = Blocks(killed_at=killed_at)
        with contextlib.suppress(KeyboardInterrupt):
            found = features(blocks)
        starts += blocks.starts
    assert starts == [0, 15, 30, 30]
    np.testing.assert_array_equal(found, ROWS.astype(np.float16))


def test_killed_between_the_last_row_and_the_renaming(monkeypatch):
    monkeypatch.setattr(feature_file_module, "_ROWS_BETWEEN_NOTES", 5)
    replace = os.replace

    def interrupted(source, target):
        if os.path.basename(target) == "rows.npy":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            features(Blocks())
    blocks = Blocks()
    np.testing.assert_array_equal(features(blocks), ROWS.astype(np.float16))
    assert blocks.given == 0


def test_an_unfinished_file_that_is_gone_is_begun_anew(directory):
    with pytest.raises(KeyboardInterrupt):
        features(Blocks(killed_at=20))
    (unfinished,) = directory.glob("*/.*.npy")
    unfinished.unlink()
    with pytest.raises(KeyboardInterrupt):
        features(Blocks(killed_at=5))
    blocks = Blocks()
    np.testing.assert_array_equal(features(blocks), ROWS.astype(np.float16))
    assert blocks.starts == [0]


@pytest.mark.parametrize(("rows", "message"), [(ROWS[:48], "48"), (ROWS[:0], "0"), (ROWS, "more")])
def test_too_few_or_too_many_rows(directory, rows, message):
    with pytest.raises(ValueError, match=rf"`blocks` must hold 49 rows\. Received: {message}"):
        features(Blocks(rows), 49)
    assert not list(directory.glob("*/rows.npy"))


def test_progress_is_shown_only_when_there_is_something_to_do(capsys):
    for expected in (True, False):
        feature_file({}, len(ROWS), Blocks())
        assert ("50/50" in capsys.readouterr().out) == expected
    features(Blocks(), more=2)
    assert capsys.readouterr().out == ""


def test_a_second_process_waits_and_computes_nothing():
    """A thread stands in for the process: each opens the lock's file anew."""
    blocks, started = Blocks(), threading.Event()

    def slowly(start):
        started.set()
        for block in blocks(start):
            time.sleep(0.02)
            yield block

    with ThreadPoolExecutor() as pool:
        first = pool.submit(features, slowly)
        started.wait()
        second = features(Blocks(killed_at=0))
        np.testing.assert_array_equal(first.result(), second)
    assert blocks.starts == [0]
