"""Tests of what is searched: which pictures and texts, and by what names."""

import numpy as np
import pytest

from tb_keras import Corpus, Matches
from tb_keras.scripts.searching.searched_collection import (
    Searched,
    searched_corpus,
    searched_folder,
)


def corpus(paths, texts, **attributes):
    matches = Matches(np.stack([np.arange(len(paths))] * 2, axis=1), len(paths), len(texts))
    features = {"image_features": np.eye(len(paths)), "text_features": np.eye(len(paths))}
    return Corpus(matches, **features, image_paths=paths, texts=texts, image_attributes=attributes)


def test_a_folder_with_all_below_it(tmp_path):
    names = ("b.PNG", "a.jpg", "below/c.jpeg", "below/further/d.gif", "e.bmp")
    for name in (*names, "notes.txt", "f.svg", "png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    searched = searched_folder(tmp_path)
    assert sorted(searched.paths) == sorted(str(tmp_path / name) for name in names)
    assert sorted(searched.ids()) == sorted(names)
    assert searched.paths == searched_folder(str(tmp_path)).paths
    assert (searched.texts, searched.names) == ([], {})


def test_no_folder_and_an_empty_one(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(ValueError, match=r"no picture \(.png, .*\) in the folder"):
        searched_folder(tmp_path)
    for path in (tmp_path / "none", tmp_path / "a.txt"):
        with pytest.raises(NotADirectoryError, match="must be in a folder"):
            searched_folder(path)


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        (["/x/y/a.png", "/x/y/z/b.png"], ["a.png", "z/b.png"]),
        (["/x/a.png", "/y/b.png"], ["x/a.png", "y/b.png"]),
        (["pictures/a.png"], ["a.png"]),
        (["a.png", "below/b.png"], ["a.png", "below/b.png"]),
        (["x/same.png", "y/same.png"], ["x/same.png", "y/same.png"]),
        (["xy/a.png", "x/a.png"], ["xy/a.png", "x/a.png"]),  # a prefix is no folder
        (["/x/1.tar::y/a.png", "/x/2.tar::a.png"], ["1.tar::y/a.png", "2.tar::a.png"]),
        (["/x/p.parquet::image[0]"], ["p.parquet::image[0]"]),
    ],
)
def test_pictures_are_told_by_their_place_in_the_common_folder(paths, ids):
    assert Searched(paths, [], {}).ids() == ids


def test_pictures_below_the_working_directory_and_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert Searched(["x/a.png", str(tmp_path / "b.png")], [], {}).ids() == ["here/x/a.png", "b.png"]


def test_a_corpus():
    searched = searched_corpus(corpus(["x/a.png", "x/b.png"], ["a", "b"], name=["A", "B"]))
    assert searched == (["x/a.png", "x/b.png"], ["a", "b"], {"x/a.png": "A", "x/b.png": "B"})
    assert searched_corpus(corpus(["a.png"], ["a"])).names == {}


@pytest.mark.parametrize(("paths", "texts"), [(["a.png"], None), (None, ["a"])])
def test_a_corpus_of_features(paths, texts):
    made = Corpus(
        Matches(np.zeros((1, 2), int), 1, 1),
        image_features=np.eye(1),
        text_features=np.eye(1),
        image_paths=paths,
        texts=texts,
    )
    with pytest.raises(ValueError, match="has no pictures here, or no texts"):
        searched_corpus(made)
