"""Tests of pictures and texts that stand in a table twice, under other names or spellings."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tb_keras.datasets.own.same_pictures import first_of_same, picture_name
from tb_keras.datasets.own.table import load_table

SPLITS = ("train", "validation", "test")


def table(folder, *rows, columns="image,text"):
    (folder / "pairs.csv").write_text("\n".join([columns, *rows]) + "\n")
    return folder / "pairs.csv"


@pytest.fixture
def folder(tmp_path):
    """Pictures of one size, of which two and two are the same, at most in the middle unlike."""
    (tmp_path / "pics").mkdir()
    contents = {"a": b"1", "b": b"2", "a copy": b"1", "c": b"3", "b copy": b"2"}
    for name, middle in contents.items():
        (tmp_path / "pics" / f"{name}.png").write_bytes(bytes(9000) + middle + bytes(9000))
    return tmp_path


def test_spellings_of_a_path(folder):
    whole = folder / "pics" / "a.png"
    rows = ["pics/a.png,a dog", "./pics/a.png,a pet", "pics//../pics/a.png,a dog", f"{whole},it"]
    corpus = load_table(table(folder, *rows))
    assert corpus.image_paths == [str(folder / "pics/a.png")]
    assert corpus.matches.pairs.tolist() == [[0, 0], [0, 1], [0, 2]]
    other = "/elsewhere/../elsewhere/a.png"
    assert picture_name(folder, other) == "/elsewhere/a.png"
    assert picture_name(folder, "../a.png") == "../a.png"


def test_the_spelling_does_not_change_the_split(tmp_path):
    for number in range(30):
        (tmp_path / f"{number}.png").write_bytes(str(number).encode())
    plain = table(tmp_path, *(f"{number}.png,a" for number in range(30)))
    parts = [load_table(plain, split).image_paths for split in SPLITS]
    spelled = table(tmp_path, *(f"./{number}.png,a" for number in range(30)))
    assert [load_table(spelled, split).image_paths for split in SPLITS] == parts


def test_copies_are_one_image(folder):
    rows = ["pics/c.png,c", "pics/a copy.png,a", "pics/a.png,a too", "pics/b.png,a"]
    corpus = load_table(table(folder, *rows))
    paths = [str(folder / "pics" / name) for name in ("c.png", "a copy.png", "b.png")]
    assert corpus.image_paths == paths
    assert corpus.matches.pairs.tolist() == [[0, 0], [1, 1], [1, 2], [2, 1]]


def test_links_and_files_that_are_empty_or_away(folder):
    os.symlink(folder / "pics" / "c.png", folder / "link.png")
    for name in ("empty.png", "none.png"):
        (folder / name).touch()
    names = ["link.png", "empty.png", "none.png", "away.png", "gone.png", "pics/c.png"]
    assert first_of_same(folder, names) == {**{n: n for n in names}, "pics/c.png": "link.png"}


def test_copies_do_not_cross_hashed_splits(tmp_path):
    for number in range(100):
        (tmp_path / f"{number}.png").write_bytes(str(number).encode())
        shutil.copy(tmp_path / f"{number}.png", tmp_path / f"copy-{number}.png")
    names = [f"{kind}{number}.png" for kind in ("", "copy-") for number in range(100)]
    pairs = table(tmp_path, *(f"{name},a {name}" for name in names))
    corpora = [load_table(pairs, split) for split in SPLITS]
    contents = [{Path(path).read_bytes() for path in c.image_paths} for c in corpora]
    assert sum(map(len, contents)) == len(set.union(*contents)) == 100
    assert sum(corpus.num_texts for corpus in corpora) == 200
    for corpus in corpora:
        assert (corpus.matches.texts_per_image() == 2).all()
    alone = table(tmp_path, *(f"{name},a {name}" for name in names[:100]))
    for split, corpus in zip(SPLITS, corpora):  # a copy moves no image
        assert load_table(alone, split).image_paths == corpus.image_paths


def test_copies_in_two_named_splits_are_told(folder):
    rows = ["pics/a.png,a,train", "pics/a copy.png,b,test", "pics/b.png,c,train"]
    rows += ["pics/b copy.png,d,train", "pics/c.png,e,test"]
    pairs = table(folder, *rows, columns="image,text,split")
    message = r"1 pictures are in one split and a copy of them in another, such as 'pics/a.png' in"
    message += r" 'train' and 'pics/a copy.png' in 'test'"
    with pytest.warns(UserWarning, match=message):
        corpus = load_table(pairs, "train")
    assert corpus.image_paths == [str(folder / "pics" / name) for name in ("a.png", "b.png")]
    assert corpus.matches.texts_per_image().tolist() == [1, 2]
    with pytest.warns(UserWarning, match=message):
        assert load_table(pairs, "test").image_paths[0] == str(folder / "pics/a copy.png")


def test_white_space_around_a_text_does_not_count(folder):
    rows = ["pics/a.png, a dog", "pics/b.png,a dog ", "pics/c.png,a  dog"]
    corpus = load_table(table(folder, *rows))
    assert corpus.texts == ["a dog", "a  dog"]
    assert corpus.matches.pairs.tolist() == [[0, 0], [1, 0], [2, 1]]
    rows = ["pics/a.png,hand,en", "pics/b.png,hand , en"]
    assert load_table(table(folder, *rows, columns="image,text,language")).num_texts == 1


def test_boxes_in_copies_are_in_one_picture(tmp_path):
    from PIL import Image

    for name in ("a.png", "b.png"):
        Image.new("RGB", (20, 10)).save(tmp_path / name)
    rows = ["a.png,a dog,0,0,9,9", "./b.png,a dog,1,1,5,5"]
    pairs = table(tmp_path, *rows, columns="image,text,x_min,y_min,x_max,y_max")
    corpus = load_table(pairs, boxes=True)
    assert corpus.grounding.picture_paths == [str(tmp_path / "a.png")]
    np.testing.assert_array_equal(corpus.grounding.phrase_boxes, [[0, 0, 9, 9]])


def test_a_url_is_no_picture(folder):
    with pytest.raises(ValueError, match=r"line 2: .*img2dataset.*Received: 'https://a.org/1.jpg'"):
        load_table(table(folder, "https://a.org/1.jpg,a dog"))
