"""Tests of items with several rows on disk, against lists in memory."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tb_keras.storage.segment_store import SegmentStore
from tests.storage.kills import killed_at

COUNTS = {b"a" * 32: 2, b"b" * 32: 1, b"c" * 32: 5, b"d" * 32: 3}


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def rows(digest):
    return np.array([[digest[0], number] for number in range(COUNTS[digest])], np.float16)


def add(digests):
    store = SegmentStore({})
    counts = [COUNTS[digest] for digest in digests]
    store.add_segments(digests, np.concatenate([rows(digest) for digest in digests]), counts)
    return store


def check(digests=tuple(COUNTS)):
    store = SegmentStore({})
    store.refresh()
    assert store.missing(digests) == []
    for some in (digests, digests[::-1], digests[1:2], [*digests, *digests]):
        found = store.take(some)
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found, np.concatenate([rows(digest) for digest in some]))


@pytest.mark.parametrize("parts", [[4], [1, 3], [2, 1, 1], [1, 1, 1, 1]])
def test_items_that_are_added_in_parts(parts):
    digests = list(COUNTS)
    for count in parts:
        add(digests[:count])
        digests = digests[count:]
    check()


def test_kept_items_are_not_added_again(directory):
    digests = list(COUNTS)
    add(digests[1:3])
    add(digests)
    check()
    (file,) = directory.glob("*/rows.npy")
    assert len(np.load(file)) == sum(COUNTS.values())


def test_a_store_without_items():
    store = SegmentStore({})
    store.refresh()
    assert store.missing(COUNTS) == list(COUNTS)
    assert store.rows_of([]).tolist() == []


@pytest.mark.parametrize("call", range(9))
def test_killed_at_any_moment_of_a_write(monkeypatch, call):
    digests = list(COUNTS)
    add(digests[:2])
    with killed_at(monkeypatch, call):
        add(digests[2:])
    check(digests[:2])
    add(digests[2:])
    check()


@pytest.mark.parametrize("name", ["rows.npy", "ends", "digests"])
@pytest.mark.parametrize("share", [0.3, 0.6])
def test_what_was_cut_off_does_not_count(directory, name, share):
    add(list(COUNTS))
    (file,) = directory.glob(f"*/{name}")
    if name == "rows.npy":
        kept = np.load(file)
        np.save(file, kept[: int(len(kept) * share)])
    else:
        os.truncate(file, int(file.stat().st_size * share))
    add(list(COUNTS))
    check()


def test_processes_at_once(directory):
    """Threads stand in for processes: nothing is lost or kept twice."""
    digests = list(COUNTS)
    orders = [digests, digests[::-1], digests[2:] + digests[:2], digests[1:2]] * 3
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, orders))
    check()
    (file,) = directory.glob("*/digests")
    assert file.stat().st_size == 32 * len(COUNTS)
