"""Tests that pictures which cannot be read are an error, or left out and told."""

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from tb_keras import Corpus
from tb_keras.scripts.own_data import readable_pictures
from tb_keras.scripts.own_data.picture_list import listed_pictures
from tb_keras.scripts.own_data.readable_pictures import readable_corpus, readable_paths, skips
from tb_keras.scripts.searching.searched_collection import searched_folder

PNG = tf.io.encode_png(tf.zeros((5, 6, 3), tf.uint8)).numpy()


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(readable_pictures, "_SAID", set())
    contents = {"whole": PNG, "cut": PNG[:30], "text": b"no picture", "a": b"", "b": b""}
    for name, content in contents.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    return {name: str(tmp_path / f"{name}.png") for name in contents}


@pytest.mark.parametrize("name", ["cut", "text"])
def test_the_first_is_an_error(paths, name):
    some = [paths["whole"], paths[name], paths["a"]]
    with pytest.raises(ValueError, match=rf"{name}\.png' cannot be read: ") as caught:
        readable_paths(some)
    said = str(caught.value)
    assert said.endswith("(and 1 more of 3); --unreadable=skip leaves out such pictures")
    assert "\n" not in said
    with pytest.raises(ValueError, match=r"read: [^;]*$"):  # nothing would be left
        readable_paths([paths[name]], skip=True)
    assert readable_paths([paths["whole"]]) == [paths["whole"]]


def test_others_are_left_out_and_told(paths, capsys):
    some = [paths[name] for name in ("a", "whole", "cut", "text", "b")]
    for _ in range(2):
        assert readable_paths(some, skip=True, where="train") == [paths["whole"]]
    out = capsys.readouterr().out
    assert out.startswith("train: 4 of 5 pictures cannot be read and are left out: '")
    assert out.endswith("(Unknown image file format: no PNG, JPEG, GIF or BMP), ...\n")
    assert out.count("\n") == 1  # the second time it is known


def test_a_corpus_keeps_what_belongs_together(paths, capsys):
    images = [paths[name] for name in ("a", "whole", "cut")]
    corpus = Corpus(np.array([0, 1, 1, 2]), image_paths=images, texts=["a", "b", "c", "d"])
    kept = readable_corpus(corpus, skip=True, where="test")
    assert (kept.image_paths, kept.texts) == ([paths["whole"]], ["b", "c"])
    assert kept.matches.pairs.tolist() == [[0, 0], [0, 1]]
    assert "test: 2 texts have no other picture\n" in capsys.readouterr().out
    with pytest.raises(ValueError, match="cannot be read"):
        readable_corpus(corpus)
    no_pictures = Corpus(np.arange(2), texts=["a", "b"])
    assert readable_corpus(no_pictures) is no_pictures


def test_a_run_keeps_its_way():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
    assert [skips(), skips({}), skips({"unreadable": "skip"})] == [False, False, True]


def test_every_script_lists_the_same_pictures(tmp_path):
    names = ("a.webp", "b.PNG", "c.tif", "d.avif", "e.JPG")
    for name in (*names, "._b.png", ".e.jpg", "notes.txt"):
        (tmp_path / name).touch()
    assert listed_pictures(str(tmp_path))[1] == list(names)
    assert searched_folder(tmp_path).ids() == list(names)
