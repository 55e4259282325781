"""Tests of files and directories that are whole or not there, whatever happens meanwhile."""

import os
from pathlib import Path

import pytest

from tb_keras.storage.atomic_file import directory_beside, written_beside


class Interrupted(BaseException):
    """As `KeyboardInterrupt`, no `Exception`."""


def test_the_file_is_there_when_it_is_whole(tmp_path):
    file = tmp_path / "figures.json"
    with written_beside(file) as beside:
        beside.write_text("one, ")
        assert not file.exists()
        beside.write_text("one, two")
        assert os.listdir(tmp_path) == [beside.name]
    assert file.read_text() == "one, two"
    assert os.listdir(tmp_path) == ["figures.json"]


def test_an_older_file_is_seen_until_the_new_one_is_whole(tmp_path):
    file = tmp_path / "figures.json"
    file.write_text("old")
    with written_beside(file) as beside:
        beside.write_text("new")
        assert file.read_text() == "old"
    assert file.read_text() == "new"
    assert os.listdir(tmp_path) == ["figures.json"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Interrupted])
@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("older", [True, False])
def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path, error, written, older):
    file = tmp_path / "figures.json"
    if older:
        file.write_text("old")

    def write():
        with written_beside(file) as beside:
            if written:
                beside.write_text("ne")
            raise error

    with pytest.raises(error):
        write()
    assert os.listdir(tmp_path) == (["figures.json"] if older else [])
    assert not older or file.read_text() == "old"


def test_a_rename_that_fails_leaves_what_was_there(tmp_path, monkeypatch):
    def interrupted(*paths):
        raise KeyboardInterrupt

    file = tmp_path / "figures.json"
    file.write_text("old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt), written_beside(file) as beside:
        beside.write_text("new")
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["figures.json"]


def test_who_writes_nothing_is_told(tmp_path):
    file = tmp_path / "figures.json"
    file.write_text("old")
    with pytest.raises(FileNotFoundError), written_beside(file):
        pass
    assert file.read_text() == "old"


def test_the_directory_is_made(tmp_path):
    file = tmp_path / "runs" / "mine" / "figures.json"
    with written_beside(file) as beside:
        assert beside.parent == file.parent
        beside.write_text("{}")
    assert file.read_text() == "{}"


@pytest.mark.parametrize("name", ["network.keras", "epoch-1.weights.h5", "plain", "a b.tar.gz"])
def test_the_path_beside_ends_as_the_file_does(tmp_path, name):
    """Writers choose the format by the ending; a hidden name stays out of globs."""
    with written_beside(tmp_path / name) as beside:
        assert isinstance(beside, Path)
        assert beside.suffixes == (tmp_path / name).suffixes
        assert beside.name.startswith(".")
        beside.touch()
    assert os.listdir(tmp_path) == [name]


def test_a_string_names_a_file_of_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with written_beside("figures.json") as beside:
        beside.write_bytes(b"\x00")
    assert (tmp_path / "figures.json").read_bytes() == b"\x00"


def test_a_directory_is_there_when_it_is_renamed(tmp_path):
    model = tmp_path / "models" / "1"
    with directory_beside(model) as beside:
        assert beside.name.startswith(".")
        assert list(beside.iterdir()) == []
        (beside / "weights").write_text("0.5")
        assert os.listdir(model.parent) == [beside.name]
        os.rename(beside, model)
    assert os.listdir(model.parent) == ["1"]
    assert (model / "weights").read_text() == "0.5"
    assert model.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, Interrupted])
def test_an_error_leaves_no_directory(tmp_path, error):
    def write():
        with directory_beside(tmp_path / "1") as beside:
            (beside / "deep").mkdir()
            (beside / "deep" / "weights").write_text("0.")
            raise error

    with pytest.raises(error):
        write()
    assert os.listdir(tmp_path) == []


def test_a_directory_in_its_place_is_left_alone(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "weights").write_text("old")
    with pytest.raises(OSError, match="not empty"), directory_beside(tmp_path / "1") as beside:
        beside.rename(tmp_path / "1")
    assert os.listdir(tmp_path) == ["1"]
    assert (tmp_path / "1" / "weights").read_text() == "old"
