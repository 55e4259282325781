"""Tests of a `datasets.Dataset` as a table: of a stand-in, and of the library if it is there."""

import os

import pytest

from tb_keras.datasets import load_table
from tb_keras.storage.pictures.picture_reference import read_picture

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


class Dataset:
    """Does with rows what the library does, and counts how often it is written."""

    def __init__(self, rows, fingerprint):
        self._rows, self._fingerprint, self.written = rows, fingerprint, 0

    def to_parquet(self, path_or_buf):
        self.written += 1
        pq.write_table(pa.Table.from_pylist(self._rows), path_or_buf)
        return os.path.getsize(path_or_buf)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def rows(folder):
    """Two pictures, of which one is a file outside."""
    (folder / "cat.png").write_bytes(b"cat")
    return [
        {"image": {"bytes": b"dog", "path": "dog.png"}, "text": "a dog", "split": "train"},
        {
            "image": {"bytes": None, "path": str(folder / "cat.png")},
            "text": "a cat",
            "split": "val",
        },
    ]


def test_the_corpus_of_a_dataset(tmp_path, cache):
    dataset = Dataset(rows(tmp_path), "0123abc")
    corpus = load_table(dataset)
    assert list(map(read_picture, corpus.image_paths)) == [b"dog", b"cat"]
    assert corpus.texts == ["a dog", "a cat"]
    assert load_table(dataset, "train").texts == ["a dog"]
    assert dataset.written == 1
    assert os.listdir(cache / "datasets") == ["0123abc.parquet"]
    other = Dataset(rows(tmp_path)[:1], "4567def")
    assert load_table(other).texts == ["a dog"]


def test_a_copy_is_whole_or_not_there(tmp_path, cache):
    dataset = Dataset(rows(tmp_path), "0123abc")

    def interrupted(path_or_buf):
        with open(path_or_buf, "wb") as file:
            file.write(b"PAR1")
        raise KeyboardInterrupt

    write, dataset.to_parquet = dataset.to_parquet, interrupted
    with pytest.raises(KeyboardInterrupt):
        load_table(dataset)
    dataset.to_parquet = write
    assert load_table(dataset).num_images == 2


@pytest.mark.parametrize(
    ("table", "message"),
    [({"train": 1}, r"Received: dict, of which one split is read"), (7, "Received: int$")],
)
def test_what_is_no_table(table, message):
    with pytest.raises(ValueError, match=message):
        load_table(table)


def test_with_the_library(tmp_path):
    datasets = pytest.importorskip("datasets")
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (4, 3), "red").save(tmp_path / "red.png")
    columns = {"image": [str(tmp_path / "red.png")], "text": ["a red picture"]}
    dataset = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    corpus = load_table(dataset)
    assert read_picture(corpus.image_paths[0]) == (tmp_path / "red.png").read_bytes()
