"""Tests of extracted features in a corpus: found by name, in the corpus's order, on disk."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.features.extracted_features import with_extracted_features
from tb_keras.features.feature_directory import FeatureDirectory


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


def features_of(count):
    return np.arange(count * 3, dtype=np.float32).reshape(count, 3)


def extracted(directory, names, unreadable=()):
    settings = {"encoder": "none", "dtype": "float32"}
    with FeatureDirectory(directory, settings, {}) as store:
        files = dict.fromkeys(names, (1, 2))
        store.add(files, features_of(len(names)), dict.fromkeys(unreadable, "why"))
        store.finish(dict.fromkeys(unreadable, "why"))
    return directory


def listed(directory, names):
    directory.mkdir()
    np.save(directory / "features.npy", features_of(len(names)))
    (directory / "names.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return directory


def corpus_of(paths, **more):
    return Corpus(np.arange(len(paths)), image_paths=paths, **more)


def rows(corpus):
    """Which rows of `features_of` the corpus has."""
    return (np.asarray(corpus.image_features)[:, 0] // 3).astype(int).tolist()


@pytest.fixture(params=[extracted, listed])
def directory(request, tmp_path):
    return lambda names: request.param(tmp_path / "features", names)


NAMES = ["a/1.jpg", "a/2.jpg", "b/1.jpg", "b/3.jpg", "4.jpg", "ü/日.jpg"]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (NAMES, [0, 1, 2, 3, 4, 5]),
        (["/data/a/1.jpg", "/data/b/1.jpg"], [0, 2]),
        (["2.jpg", "elsewhere/3.jpg", "./4.jpg", "日.jpg"], [1, 3, 4, 5]),
        (["b/3.jpg", "/x/y/b/1.jpg"], [3, 2]),
        (["u\u0308/日.jpg"], [5]),  # the same letter, written as two characters
    ],
)
def test_matched_by_name(directory, paths, expected):
    found = with_extracted_features(corpus_of(paths), directory(NAMES))
    assert rows(found) == expected
    assert isinstance(found.image_features, np.memmap)
    assert found.image_features.dtype == np.float32
    assert found.image_paths == paths


def test_the_attribute_file_comes_before_the_paths(directory):
    corpus = corpus_of(["x/1.jpg", "x/2.jpg"], image_attributes={"file": ["b/3.jpg", "a/2.jpg"]})
    output = directory(NAMES)
    assert rows(with_extracted_features(corpus, output)) == [3, 1]
    alone = Corpus(np.arange(2), image_attributes={"file": ["3.jpg", "2.jpg"]})
    assert rows(with_extracted_features(alone, output)) == [3, 1]


def test_a_name_that_could_mean_two_pictures(directory):
    with pytest.raises(ValueError, match=r"'c/1\.jpg' could mean 'a/1\.jpg' or 'b/1\.jpg' in"):
        with_extracted_features(corpus_of(["a/2.jpg", "c/1.jpg"]), directory(NAMES))


def test_the_end_of_a_path_must_say_more_than_a_name_that_several_have(tmp_path):
    output = extracted(tmp_path / "features", ["1.jpg", "a/1.jpg"])
    assert rows(with_extracted_features(corpus_of(["1.jpg", "/x/a/1.jpg"]), output)) == [0, 1]
    with pytest.raises(ValueError, match=r"'/x/1\.jpg' could mean '1\.jpg' or 'a/1\.jpg'"):
        with_extracted_features(corpus_of(["/x/1.jpg"]), output)


@pytest.mark.parametrize("name", ["", "."])
def test_a_row_without_a_name(directory, name):
    features = directory(["a.png", name])
    with pytest.raises(ValueError, match=f"must name the file of each row. Received: '{name}'"):
        with_extracted_features(corpus_of(["a.png"]), features)


def test_two_images_that_would_be_one_picture(directory):
    with pytest.raises(ValueError, match=r"two images are 'b/3\.jpg' in .*: 'b/3.jpg' and 'c/3.j"):
        with_extracted_features(corpus_of(["b/3.jpg", "c/3.jpg"]), directory(NAMES))


def test_an_unreadable_picture_is_no_other_of_the_same_last_name(tmp_path):
    output = extracted(tmp_path / "features", ["cat/1.jpg"], ["dog/1.jpg"])
    with pytest.raises(ValueError, match="1 of 1 images have no features"):
        with_extracted_features(corpus_of(["/data/dog/1.jpg"]), output)


def test_images_without_features(directory):
    matches = np.array([[0, 0], [1, 1], [1, 2], [2, 2]])
    corpus = Corpus(
        np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]], bool),
        image_paths=["b/3.jpg", "nowhere.jpg", "a/2.jpg"],
        texts=["of 0", "of 1", "of 1 and 2", "of none"],
    )
    assert corpus.matches.pairs.tolist() == matches.tolist()
    output = directory(NAMES)
    with pytest.raises(ValueError, match=r"1 of 3 images .* the first is 'nowhere.jpg'.*='drop'"):
        with_extracted_features(corpus, output)
    found = with_extracted_features(corpus, output, missing="drop")
    assert rows(found) == [3, 1]
    assert found.image_paths == ["b/3.jpg", "a/2.jpg"]
    assert found.texts == ["of 0", "of 1 and 2", "of none"]
    assert found.matches.pairs.tolist() == [[0, 0], [1, 1]]
    with pytest.raises(ValueError, match="1 of 1 images"):
        with_extracted_features(corpus_of(["nowhere.jpg"]), output, missing="drop")
    with pytest.raises(ValueError, match="`missing` must be 'error' or 'drop'"):
        with_extracted_features(corpus, output, missing="skip")


@given(st.permutations(range(8)), st.integers(1, 8))
def test_any_order(tmp_path_factory, order, count):
    names = [f"{number}.jpg" for number in range(8)]
    output = extracted(tmp_path_factory.mktemp("new") / "features", names)
    paths = [names[row] for row in order[:count]]
    found = with_extracted_features(corpus_of(paths), output)
    assert rows(found) == order[:count]
    assert isinstance(found.image_features, np.memmap)


def test_rows_in_another_order_are_written_once(directory, cache):
    output = directory(NAMES)
    corpus = corpus_of(NAMES[::-1])
    with_extracted_features(corpus_of(NAMES), output)
    with_extracted_features(corpus_of(NAMES[1:3]), output)
    assert not cache.exists()  # a part of the file itself
    for _ in range(2):
        assert rows(with_extracted_features(corpus, output)) == [5, 4, 3, 2, 1, 0]
        assert len(os.listdir(cache)) == 1
    with_extracted_features(corpus_of(NAMES[2:0:-1]), output)
    assert len(os.listdir(cache)) == 2


def test_more_pictures_in_the_directory_change_nothing_changed_ones_do(tmp_path, cache):
    output, corpus = extracted(tmp_path / "features", NAMES), corpus_of(NAMES[::-1])
    with_extracted_features(corpus, output)
    settings = {"encoder": "none", "dtype": "float32"}
    with FeatureDirectory(output, settings, {}) as store:
        store.add({"new.jpg": (1, 2)}, np.zeros((1, 3)), {})
    with_extracted_features(corpus, output)
    assert len(os.listdir(cache)) == 1
    with FeatureDirectory(output, settings, {}) as store:
        store.add({NAMES[0]: (1, 3)}, np.full((1, 3), 99), {})
    assert rows(with_extracted_features(corpus, output)) == [5, 4, 3, 2, 1, 33]


def test_what_is_no_directory_of_features(tmp_path):
    corpus = corpus_of(["1.jpg"])
    with pytest.raises(FileNotFoundError, match=r"`directory` must hold features\.npy"):
        with_extracted_features(corpus, tmp_path / "nowhere")
    np.save(tmp_path / "features.npy", np.ones((2, 3)))
    with pytest.raises(FileNotFoundError, match=r"hold names\.txt beside features\.npy"):
        with_extracted_features(corpus, tmp_path)
    for names in ("1.jpg\n", "1.jpg\n1.jpg\n", "1.jpg\n2.jpg\n3.jpg\n"):
        (tmp_path / "names.txt").write_text(names)
        with pytest.raises(ValueError, match="must have a distinct name for each of the 2 rows"):
            with_extracted_features(corpus, tmp_path)
    (tmp_path / "names.txt").write_text("1.jpg\n2.jpg\n")
    for array in (np.ones(2), np.ones((2, 3), int)):
        np.save(tmp_path / "features.npy", array)
        with pytest.raises(ValueError, match="must be a float matrix"):
            with_extracted_features(corpus, tmp_path)


def test_a_corpus_without_pictures(directory):
    output = directory(NAMES)
    with pytest.raises(ValueError, match="`corpus` must have whole pictures as images"):
        with_extracted_features(Corpus(np.arange(2), texts=["a", "b"]), output)
    boxes = [[0, 0, 4, 4]]
    grounding = Grounding(["a/1.jpg"], [[5, 5]], [0], boxes, [0], boxes)
    corpus = Corpus(grounding.matches_by_iou(), texts=["a"], grounding=grounding)
    with pytest.raises(ValueError, match="`corpus` must have whole pictures as images"):
        with_extracted_features(corpus, output)
