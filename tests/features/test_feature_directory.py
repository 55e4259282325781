"""Tests of the directory of features: stopped at any step, it holds what it said it holds."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.features.feature_directory import (
    FeatureDirectory,
    read_rows,
    read_settings,
    read_unreadable,
)

SETTINGS = {"encoder": "none", "dtype": "float32"}


def opened(directory, **settings):
    return FeatureDirectory(directory, {**SETTINGS, **settings}, {"packages": {}})


def row_of(name, version):
    """The features of a version of a picture."""
    return np.array([int(name), version], np.float32)


def add(store, versions, unreadable=()):
    files = {name: (100 + version, version) for name, version in versions.items()}
    features = np.array([row_of(*item) for item in versions.items()]).reshape(-1, 2)
    store.add(files, features, dict.fromkeys(unreadable, "why"))


def check(directory, versions):
    """Reads the directory as others do, and holds it against the versions it must have."""
    rows = read_rows(directory)
    assert {name: row.mtime_ns for name, row in rows.items()} == versions
    if versions:
        features = np.load(directory / "features.npy", mmap_mode="r")
        assert len({row.row for row in rows.values()}) == len(rows)
        for name, row in rows.items():
            np.testing.assert_array_equal(features[row.row], row_of(name, row.mtime_ns))
            assert row.size == 100 + row.mtime_ns


steps = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("0123456"), st.integers(1, 9), max_size=3),
              st.sets(st.sampled_from("0123456"), max_size=2),
              st.sampled_from(["go on", "open again", "finish"])),
    max_size=8,
)  # fmt: skip


@given(steps)
def test_as_a_dict(tmp_path_factory, steps):
    directory = tmp_path_factory.mktemp("features") / "new"
    expected = {}
    store = opened(directory)
    for versions, unreadable, then in steps:
        unreadable = unreadable - set(versions)
        add(store, versions, unreadable)
        expected = {n: v for n, v in {**expected, **versions}.items() if n not in unreadable}
        check(directory, expected)
        if then == "finish":
            store.finish({"x": "why"})
            check(directory, expected)
            lines = (directory / "images.jsonl").read_text().splitlines()
            assert [json.loads(line)["file"] for line in lines] == list(read_rows(directory))
            assert read_unreadable(directory) == {"x": "why"}
        if then != "go on":
            store.__exit__()
            store = opened(directory)
    store.__exit__()
    check(directory, expected)


class Stop(BaseException):
    """A kill."""


@pytest.mark.parametrize("step", range(14))
@pytest.mark.parametrize("half", [False, True])
def test_stopped_before_any_write_reaches_the_disk(tmp_path, monkeypatch, step, half):
    """At the step-th synchronization or renaming; `half` of the last line was written by then."""
    with opened(tmp_path) as store:
        add(store, {"0": 1, "1": 1, "2": 1})
    done = {"count": 0}

    def stopping(original):
        def stopped(*arguments):
            if done["count"] == step:
                raise Stop
            done["count"] += 1
            return original(*arguments)

        return stopped

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", stopping(os.fsync))
        patched.setattr(os, "replace", stopping(os.replace))
        stopped = False
        try:
            with opened(tmp_path) as store:
                add(store, {"3": 1, "1": 2}, ["2"])
                add(store, {"4": 1})  # into the row of "2"
                store.finish({"2": "why"})
        except Stop:
            stopped = True
    assert stopped == (step < 10)
    if half:
        with (tmp_path / "images.jsonl").open("ab") as file:
            file.write(b'{"file": "5", "ro')
    rows = read_rows(tmp_path)
    states = [{"0": 1, "1": 1, "2": 1}, {"0": 1, "1": 2, "3": 1}, {"0": 1, "1": 2, "3": 1, "4": 1}]
    found = {name: row.mtime_ns for name, row in rows.items()}
    assert found in states
    # A picture whose new features are there before their line counts as changed still.
    features = np.load(tmp_path / "features.npy")
    for name, row in rows.items():
        assert features[row.row, 0] == int(name) or name == "2"
    with opened(tmp_path) as store:
        versions = {"3": 1, "1": 2, "4": 1}
        add(store, {n: v for n, v in versions.items() if found.get(n) != v}, ["2"])
        store.finish({"2": "why"})
    check(tmp_path, {"0": 1, **versions})
    assert len(np.load(tmp_path / "features.npy")) in (4, 5)
    assert len((tmp_path / "images.jsonl").read_text().splitlines()) == 4


def test_names_of_all_kinds(tmp_path):
    names = ["ä ö/日本.png", 'a "quoted"\\name', "line\nbreak", os.fsdecode(b"latin-\xe9.png")]
    with opened(tmp_path) as store:
        store.add(dict.fromkeys(names, (1, 2)), np.ones((4, 2)), {names[3] + "x": "why"})
    assert list(read_rows(tmp_path)) == names
    assert list(read_unreadable(tmp_path)) == [names[3] + "x"]
    with opened(tmp_path) as store:
        assert list(store.rows) == names
    assert "日本" in (tmp_path / "images.jsonl").read_bytes().decode("utf-8", "replace")


def test_settings(tmp_path):
    with opened(tmp_path):
        pass
    assert read_settings(tmp_path) == {"format": 1, **SETTINGS, "packages": {}}
    with pytest.raises(ValueError, match="encoder='none' there, encoder='other' now"):
        opened(tmp_path, encoder="other")
    with pytest.raises(ValueError, match="size=None there, size=64 now"):
        opened(tmp_path, size=64)
    with FeatureDirectory(tmp_path, SETTINGS, {"packages": {"keras": "4"}}):
        pass  # another version of a package is none of the settings


def test_other_files_in_their_place(tmp_path):
    np.save(tmp_path / "features.npy", np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"has a features\.npy without settings\.json"):
        opened(tmp_path)


def test_damaged_files_are_named(tmp_path):
    with opened(tmp_path) as store:
        add(store, {"0": 1, "1": 1})
    good = (tmp_path / "images.jsonl").read_text()
    for bad in ("not json\n", "[1]\n", '{"file": "a"}\n', "3\n"):
        (tmp_path / "images.jsonl").write_text(good + bad)
        with pytest.raises(ValueError, match=r"images\.jsonl, line 3, is damaged"):
            opened(tmp_path)
    (tmp_path / "images.jsonl").write_text(good)
    (tmp_path / "features.npy").unlink()
    with pytest.raises(ValueError, match=r"features\.npy has 0 rows, images\.jsonl speaks of 2"):
        opened(tmp_path)


def test_one_process_at_a_time(tmp_path):
    with opened(tmp_path), pytest.raises(ValueError, match="another process writes features to"):
        opened(tmp_path)
    opened(tmp_path).__exit__()


@pytest.mark.slow
def test_another_process_finds_it_locked(tmp_path):
    code = """
import sys
from tb_keras.features.feature_directory import FeatureDirectory
try:
    FeatureDirectory(sys.argv[1], {"encoder": "none", "dtype": "float32"}, {"packages": {}})
except ValueError as error:
    print(error)
"""
    with opened(tmp_path):
        told = subprocess.run(
            [sys.executable, "-c", code, tmp_path], capture_output=True, text=True
        )
    assert "another process" in told.stdout
    opened(tmp_path).__exit__()
