"""Tests of what a run notes about its data, and of the changes that it tells."""

import json
import os
import shutil

import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.datasets.own.table import load_table
from tb_keras.scripts.runs.data_digest import data_changes, data_digest


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(name.encode())
    (folder / "pairs.csv").write_text("image,text\na.png,a dog\nb.png,a cat\nb.png,a pet\n")
    return folder


def digest(folder):
    return {"train": json.loads(json.dumps(data_digest(load_table(folder / "pairs.csv"))))}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("a.png,a dog\nb.png,a cat\nb.png,a pet\n", None),
        ("a.png,a dog\nb.png,a cat\n", "train had 2 images and 3 texts, has 2 images and 2 texts"),
        ("a.png,a cat\nb.png,a dog\nb.png,a pet\n", "train has other texts"),
        ("a.png,a dog\na.png,a cat\nb.png,a pet\n", "train has other matches"),
        ("a.png,a dog\nc.png,a cat\nc.png,a pet\n", "train has other pictures"),
        ("b.png,a dog\na.png,a cat\nb.png,a pet\n", "train has other matches, pictures"),
    ],
)
def test_a_change_of_the_table(folder, table, said):
    before = digest(folder)
    (folder / "pairs.csv").write_text(f"image,text\n{table}")
    assert data_changes(before, digest(folder)) == ([said] if said else [])


def test_a_picture_counts_by_its_content(folder, tmp_path):
    before = digest(folder)
    shutil.copytree(folder, tmp_path / "moved", copy_function=shutil.copyfile)
    os.utime(tmp_path / "moved" / "a.png", (1, 1))
    assert data_changes(before, digest(tmp_path / "moved")) == []
    (folder / "a.png").write_bytes(b"z.png")
    assert data_changes(before, digest(folder)) == ["train has other pictures"]


def test_features_count_where_the_corpus_brings_them(folder):
    corpus = load_table(folder / "pairs.csv")
    images, texts = np.eye(2, 4, dtype="float16"), np.eye(3, dtype="float32")
    corpora = [corpus.replace(image_features=images, text_features=texts)]
    corpora.append(corpora[0].replace(image_paths=["moved.png", "away.png"], texts=None))
    corpora.append(corpora[0].replace(image_features=images * 2))
    corpora.append(corpora[0].replace(text_features=texts * 2))
    first, *others = (data_digest(corpus) for corpus in corpora)
    said = [data_changes({"test": first}, {"test": other}) for other in others]
    assert said == [[], ["test has other image features"], ["test has other text features"]]
    whole = {"test": data_digest(corpus)}
    (said,) = data_changes(whole, {"test": first})
    assert said == "test has other image features, pictures, text features, texts"


def test_boxes(folder):
    def grounded(right):
        boxes = [[0, 0, right, 5]]
        grounding = Grounding([str(folder / "a.png")], [[9, 9]], [0], boxes, [0], boxes)
        return {"train": data_digest(Corpus([0], texts=["a dog"], grounding=grounding))}

    assert data_changes(grounded(5), grounded(5)) == []
    assert data_changes(grounded(5), grounded(6)) == ["train has other boxes"]


def test_texts_may_not_run_into_each_other():
    one, two = (data_digest(Corpus([0, 0], texts=texts)) for texts in (["ab", "c"], ["a", "bc"]))
    assert data_changes({"train": one}, {"train": two}) == ["train has other texts"]
