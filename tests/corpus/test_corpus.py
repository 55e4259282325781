"""Tests of `Corpus`: what it checks, its subsets, and its directory on disk, whole and damaged."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus import corpus as corpus_module
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.corpus.matches import Matches

# All of Unicode but lone surrogates, which no UTF-8 file can hold; newlines of every kind included.
strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.one_of(strings, st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False))
names = st.text("abcXYZ _é", min_size=1, max_size=6).filter(lambda n: n not in ("path", "text"))


@st.composite
def corpora(draw, min_size=0):
    n, m = draw(st.integers(min_size, 4)), draw(st.integers(min_size, 5))
    kinds = draw(st.lists(st.integers(0, 2), min_size=n * m, max_size=n * m))
    kinds = np.array(kinds, int).reshape(n, m)
    matches = Matches(np.argwhere(kinds == 1), n, m, ignored=np.argwhere(kinds == 2))

    def features(rows):
        dtype = draw(st.sampled_from(["float16", "float32", "float64"]))
        dim = draw(st.integers(1, 3))
        return np.random.default_rng(draw(st.integers(0, 9))).normal(size=(rows, dim)).astype(dtype)

    def column(rows, cells=values):
        return draw(st.lists(cells, min_size=rows, max_size=rows))

    def grounding():
        rng = np.random.default_rng(draw(st.integers(0, 9)))
        paths = draw(st.lists(strings, min_size=1, max_size=3))
        phrase_boxes = np.sort(rng.random((m, 4)), axis=1)
        phrase_boxes[rng.random(m) < 0.3] = np.nan
        return Grounding(
            paths,
            rng.integers(1, 900, (len(paths), 2)),
            rng.integers(0, len(paths), n),
            np.sort(rng.random((n, 4)), axis=1),
            rng.integers(0, len(paths), m),
            phrase_boxes,
        )

    return Corpus(
        matches,
        grounding=grounding() if draw(st.booleans()) else None,
        image_features=features(n) if draw(st.booleans()) else None,
        text_features=features(m) if draw(st.booleans()) else None,
        image_paths=column(n, strings) if draw(st.booleans()) else None,
        texts=column(m, strings) if draw(st.booleans()) else None,
        image_attributes={name: column(n) for name in draw(st.sets(names, max_size=2))},
        text_attributes={name: column(m) for name in draw(st.sets(names, max_size=2))},
    )


def small_corpus(**changes):
    parts = {
        "matches": Matches([(0, 0), (0, 1), (1, 2)], 2, 3, ignored=[(1, 0)]),
        "image_features": np.arange(8, dtype="float32").reshape(2, 4),
        "text_features": np.arange(6, dtype="float16").reshape(3, 2),
        "image_paths": ["a.png", "b.png"],
        "texts": ["one", "zwei", "трі"],
        "image_attributes": {"group": [7, 8]},
        "text_attributes": {"language": ["en", "de", "uk"]},
    }
    return Corpus(**{**parts, **changes})


def small_grounded_corpus(**changes):
    """The small corpus, its images two regions of one picture, its texts three phrases."""
    grounding = {
        "picture_paths": ["park.jpg", "ще.jpg"],
        "picture_sizes": [[640, 480], [20, 30]],
        "region_pictures": [0, 0],
        "region_boxes": [[0, 0, 9, 9], [1.5, 2.5, 30, 40]],
        "phrase_pictures": [0, 0, 1],
        "phrase_boxes": [[0, 0, 9, 8], [np.nan] * 4, [1, 2, 3, 4]],
    }
    return small_corpus(grounding=Grounding(**{**grounding, **changes}))


ROWS_OF_GROUNDING = ("region_pictures", "region_boxes", "phrase_pictures", "phrase_boxes")


def assert_equal_grounding(found, expected):
    assert (found is None) == (expected is None)
    if expected is not None:
        assert list(found.picture_paths) == list(expected.picture_paths)
        for name in ("picture_sizes", *ROWS_OF_GROUNDING):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
            assert getattr(found, name).dtype == getattr(expected, name).dtype


def assert_equal(found, expected):
    assert found.matches == expected.matches
    assert_equal_grounding(found.grounding, expected.grounding)
    for name in ("image_features", "text_features"):
        ours, theirs = getattr(found, name), getattr(expected, name)
        assert (ours is None) == (theirs is None)
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)
            assert ours.dtype == theirs.dtype
    assert found.image_paths == expected.image_paths
    assert found.texts == expected.texts
    assert found.image_attributes == expected.image_attributes
    assert found.text_attributes == expected.text_attributes


@given(corpora(min_size=1))
def test_save_and_load_give_the_same_corpus(corpus):
    with tempfile.TemporaryDirectory() as parent:
        directory = Path(parent) / "corpus"
        corpus.save(directory)
        loaded = Corpus.load(directory)
        assert_equal(loaded, corpus)
        assert repr(loaded) == repr(corpus)
        assert os.listdir(parent) == ["corpus"]


def test_a_corpus_without_images_or_texts_survives_the_disk(tmp_path):
    corpus = Corpus(
        Matches([], 0, 2),
        image_features=np.zeros((0, 3), "float32"),
        image_paths=[],
        texts=["a", "b"],
        image_attributes={"group": []},
    )
    corpus.save(tmp_path / "corpus")
    assert_equal(Corpus.load(tmp_path / "corpus"), corpus)


@pytest.mark.parametrize("given_paths", [None, ["a.png", "b.png"]])
def test_an_attribute_may_not_pass_for_a_path_or_a_text(tmp_path, given_paths):
    """The rows on disk name paths "path" and texts "text": an attribute of that name must not
    come back as the paths. An error when it is made or saved would do as well.
    """
    try:
        corpus = small_corpus(image_paths=given_paths, image_attributes={"path": ["left", "right"]})
        corpus.save(tmp_path / "corpus")
    except ValueError:
        return
    assert Corpus.load(tmp_path / "corpus").image_paths == given_paths


def test_features_stay_memory_maps(tmp_path):
    small_corpus().save(tmp_path / "corpus")
    loaded = Corpus.load(str(tmp_path / "corpus"))
    assert isinstance(loaded.image_features, np.memmap)
    assert isinstance(loaded.text_features, np.memmap)
    assert not loaded.image_features.flags.writeable
    loaded.save(tmp_path / "again")
    assert_equal(Corpus.load(tmp_path / "again"), small_corpus())


def test_numpy_columns_are_written_as_plain_values(tmp_path):
    corpus = small_corpus(
        image_attributes={
            "group": np.array([1, 2]),
            "score": np.array([0.5, 1.5], "float32"),
            "size": [np.int64(3), {"height": np.float32(4)}],
        },
        texts=np.array(["a", "b", "c"]),
    )
    corpus.save(tmp_path / "corpus")
    loaded = Corpus.load(tmp_path / "corpus")
    expected = {"group": [1, 2], "score": [0.5, 1.5], "size": [3, {"height": 4.0}]}
    assert loaded.image_attributes == expected
    assert loaded.texts == ["a", "b", "c"]


def test_the_directory_can_be_inspected(tmp_path):
    small_corpus().save(tmp_path / "made" / "on the way" / "corpus")
    directory = tmp_path / "made" / "on the way" / "corpus"
    description = json.loads((directory / "corpus.json").read_text())
    assert (description["num_images"], description["num_texts"]) == (2, 3)
    lines = (directory / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines][2] == {"text": "трі", "language": "uk"}
    assert "трі" in lines[2]
    np.testing.assert_array_equal(np.load(directory / "matches.npy"), [(0, 0), (0, 1), (1, 2)])
    assert os.stat(directory).st_mode & 0o777 == 0o755


def test_an_existing_target_is_left_alone(tmp_path):
    target = tmp_path / "corpus"
    target.mkdir()
    (target / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match=r"`directory` must not exist yet.*corpus"):
        small_corpus().save(target)
    assert [file.name for file in target.iterdir()] == ["notes.txt"]
    small_corpus().save(tmp_path / "other")
    with pytest.raises(FileExistsError):
        small_corpus().save(tmp_path / "other")
    assert sorted(os.listdir(tmp_path)) == ["corpus", "other"]


@pytest.mark.parametrize("interrupted", ["numpy.save", "os.rename", "json.dumps"])
def test_an_interrupted_save_leaves_nothing_behind(tmp_path, monkeypatch, interrupted):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(interrupted, interrupt)
        with pytest.raises(KeyboardInterrupt):
            small_corpus().save(tmp_path / "corpus")
    assert os.listdir(tmp_path) == []
    small_corpus().save(tmp_path / "corpus")
    assert_equal(Corpus.load(tmp_path / "corpus"), small_corpus())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_attributes": {"id": [3, 4], "group": [1, object()]}}, "'group' of the images"),
        ({"image_paths": ["a.png", "\udcff.png"]}, "'path' of the images"),
        ({"text_attributes": {"of": [1, {(2, 3): 4}, 5]}}, "'of' of the texts"),
    ],
)
def test_what_is_no_json_is_named_and_leaves_nothing_behind(tmp_path, changes, message):
    with pytest.raises(ValueError, match=f"^{message} must be JSON in UTF-8.* in row 1$"):
        small_corpus(**changes).save(tmp_path / "corpus")
    assert os.listdir(tmp_path) == []


@pytest.fixture
def saved(tmp_path):
    small_corpus().save(tmp_path / "corpus")
    return tmp_path / "corpus"


FILES = [
    "image_features.npy",
    "text_features.npy",
    "matches.npy",
    "ignored.npy",
    "images.jsonl",
    "texts.jsonl",
]


def test_every_file_is_listed_with_its_size(saved):
    listed = json.loads((saved / "corpus.json").read_text())["files"]
    assert sorted(listed) == sorted(FILES)
    assert listed == {name: (saved / name).stat().st_size for name in FILES}


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(saved, name):
    file = saved / name
    size = file.stat().st_size
    os.truncate(file, size - 1)
    with pytest.raises(ValueError, match=f"{name}.*expected {size} bytes, found {size - 1}"):
        Corpus.load(saved)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(saved, name):
    (saved / name).unlink()
    with pytest.raises(ValueError, match=f"{name}.*no file"):
        Corpus.load(saved)


def rewrite_description(directory, **changes):
    file = directory / "corpus.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize("version", [0, 2, None])
def test_another_version_is_refused(saved, version):
    rewrite_description(saved, version=version)
    with pytest.raises(ValueError, match=f"version 1. Received: version {version}"):
        Corpus.load(saved)


@pytest.mark.parametrize(
    "changes", [{"num_images": 1}, {"num_images": 5}, {"num_texts": 2}, {"num_texts": 9}]
)
def test_sizes_that_disagree_with_the_files_are_refused(saved, changes):
    rewrite_description(saved, **changes)
    with pytest.raises(ValueError, match=r"must (hold|have)"):
        Corpus.load(saved)


def test_a_broken_description_is_a_value_error(saved):
    (saved / "corpus.json").write_text('{"version": 1, "num_ima')
    with pytest.raises(ValueError, match=r"corpus\.json"):
        Corpus.load(saved)


@pytest.mark.parametrize("lacking", ["version", "files", "num_images", "matches.npy"])
def test_a_description_that_lacks_something_is_a_value_error(saved, lacking):
    description = json.loads((saved / "corpus.json").read_text())
    (description["files"] if lacking == "matches.npy" else description).pop(lacking)
    (saved / "corpus.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"corpus\.json"):
        Corpus.load(saved)


def test_other_features_of_the_same_size_are_checked_again(saved):
    features = np.load(saved / "image_features.npy")
    features[1, 2] = np.nan
    np.save(saved / "image_features.npy", features)
    with pytest.raises(ValueError, match=r"`image_features` must be finite.*row 1"):
        Corpus.load(saved)


def test_no_corpus_there(tmp_path):
    for directory in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"must hold a corpus.*corpus.json"):
            Corpus.load(directory)


def test_a_corpus_can_be_moved(saved, tmp_path):
    shutil.move(saved, tmp_path / "moved")
    assert_equal(Corpus.load(tmp_path / "moved"), small_corpus())


@pytest.mark.parametrize("block", [1, 8, 2**24])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 3, 6])
def test_the_first_row_that_is_not_finite_is_named(monkeypatch, block, value, row):
    monkeypatch.setattr(corpus_module, "_CHECKED_VALUES", block)
    features = np.ones((7, 3), "float32")
    features[row, 1] = features[6, 0] = value
    with pytest.raises(ValueError, match=f"`text_features` must be finite.*row {row}$"):
        Corpus(np.zeros(7, int), text_features=features)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"image_features": np.ones(2, "float32")},
            r"`image_features` must be a float array of rank 2.*shape=\(2,\)",
        ),
        ({"image_features": np.ones((2, 4), int)}, "`image_features` must be a float.*int64"),
        ({"image_features": [[1.0], [2.0]]}, "`image_features` must be a float array of rank 2"),
        ({"text_features": np.ones((2, 2))}, "`text_features` must have 3 rows.*Received: 2"),
        ({"texts": ["a", "b"]}, "`texts` must have 3 rows.*Received: 2"),
        ({"texts": ["a", 3, "c"]}, "`texts` must hold strings. Received: 3 in row 1"),
        ({"texts": ["a", "b", b"c"]}, "`texts` must hold strings. Received: b'c' in row 2"),
        ({"texts": ["a", None, "c"]}, "`texts` must hold strings. Received: None in row 1"),
        ({"texts": "abc"}, "`texts` must be a sequence of strings. Received: 'abc'"),
        ({"image_paths": "ab"}, "`image_paths` must be a sequence of strings"),
        ({"image_paths": ["a", Path("b")]}, "`image_paths` must hold strings.*row 1"),
        ({"text_attributes": {"kind": [1]}}, r"`text_attributes\['kind'\]` must have 3 rows"),
        ({"image_features": np.ones((3, 4), "float32")}, "image"),
        ({"image_attributes": {"group": [1, 2, 3]}}, "image"),
        ({"matches": np.zeros((2, 2), bool)}, "`text_features` must have 2 rows"),
        ({"matches": np.zeros((3, 3), bool)}, "`matches` must have 2 images. Received: 3"),
        ({"matches": np.array([0, 0, 2])}, "2 in row 2"),
    ],
)
def test_wrong_parts_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        small_corpus(**changes)


def test_the_number_of_images_comes_from_what_there_is():
    assert Corpus(np.array([0, 0])).num_images == 1
    assert Corpus(np.array([0, 0]), image_paths=["a", "b", "c"]).num_images == 3
    assert Corpus(np.array([0, 0]), image_attributes={"group": [1, 2]}).num_images == 2
    assert Corpus(np.array([0, 0]), image_features=np.ones((4, 1))).num_images == 4


@given(corpora(min_size=1), st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_subset_takes_rows_everywhere(corpus, random, all_texts, as_mask):
    n, m = corpus.num_images, corpus.num_texts
    images = random.sample(range(n), random.randint(0, n))
    if as_mask:
        images = sorted(images)
    chosen = np.isin(np.arange(n), images) if as_mask else images
    if all_texts:
        texts = [j for j in range(m) if set(corpus.matches.images_of(j)) & set(images)]
        found = corpus.subset(images=chosen)
    else:
        texts = random.sample(range(m), random.randint(0, m))
        found = corpus.subset(chosen, texts)
    shape = (len(images), len(texts))
    for method in ("mask", "negative_mask"):
        whole = getattr(corpus.matches, method)()
        np.testing.assert_array_equal(
            getattr(found.matches, method)(), whole[np.ix_(images, texts)].reshape(shape)
        )

    def rows(values, indices):
        return None if values is None else [values[i] for i in indices]

    assert found.image_paths == rows(corpus.image_paths, images)
    assert found.texts == rows(corpus.texts, texts)
    for name, indices in (("image_attributes", images), ("text_attributes", texts)):
        expected = {key: rows(cells, indices) for key, cells in getattr(corpus, name).items()}
        assert getattr(found, name) == expected
    for name, indices in (("image_features", images), ("text_features", texts)):
        features = getattr(corpus, name)
        if features is not None:
            np.testing.assert_array_equal(getattr(found, name), features[np.array(indices, int)])
    assert (found.grounding is None) == (corpus.grounding is None)
    if corpus.grounding is not None:
        assert found.grounding.picture_paths == corpus.grounding.picture_paths
        for name in ROWS_OF_GROUNDING:
            indices = np.array(images if name.startswith("region") else texts, int)
            expected = getattr(corpus.grounding, name)[indices]
            np.testing.assert_array_equal(getattr(found.grounding, name), expected)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"images": [0.5]}, "`images` must be an int array of rank 1. .*float64"),
        ({"images": [True, False, True]}, "`images` must have 2 rows, as `matches`. Received: 3"),
        ({"texts": [True]}, "`texts` must have 3 rows"),
        ({"images": [2]}, r"`images` must hold indices in \[0, 2\). Received: 2 in position 0"),
    ],
)
def test_a_subset_of_what_is_not_there_is_refused(chosen, message):
    with pytest.raises(ValueError, match=message):
        small_corpus().subset(**chosen)


def test_subset_of_all_images_leaves_out_texts_without_one():
    corpus = Corpus(Matches([(0, 2)], 2, 3), texts=["a", "b", "c"])
    assert corpus.subset().texts == ["c"]
    assert corpus.subset(texts=np.array([True, False, True])).texts == ["a", "c"]
    assert corpus.subset([], []).num_images == 0


def test_subset_of_rows_one_upon_the_other_stays_on_disk(tmp_path):
    features = np.random.default_rng(0).random((6, 2))
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    corpus = Corpus(np.arange(6), image_features=mapped, text_features=mapped)
    part = corpus.subset(images=[2, 3, 4])
    for found in (part.image_features, part.text_features):
        assert np.shares_memory(found, mapped)
        np.testing.assert_array_equal(found, features[2:5])
    part = corpus.subset(images=[2, 4, 3])
    assert not np.shares_memory(part.image_features, mapped)
    np.testing.assert_array_equal(part.text_features, features[[2, 3, 4]])


def test_replace_checks_anew():
    corpus = small_corpus()
    assert corpus.replace(texts=["x", "y", "z"]).texts == ["x", "y", "z"]
    assert corpus.texts == ["one", "zwei", "трі"]
    with pytest.raises(ValueError, match=r"`texts` must have 3 rows"):
        corpus.replace(texts=["x"])


def test_repr():
    assert repr(small_corpus()) == (
        "Corpus(2 images, 3 texts, 3 pairs; image_features (2, 4) float32, "
        "text_features (3, 2) float16, image_paths, texts)"
    )
    assert repr(Corpus(np.array([0]))) == "Corpus(1 images, 1 texts, 1 pairs)"


def test_grounding_survives_the_disk(tmp_path):
    corpus = small_grounded_corpus()
    corpus.save(tmp_path / "corpus")
    loaded = Corpus.load(tmp_path / "corpus")
    assert_equal(loaded, corpus)
    assert repr(loaded).endswith("texts, grounding in 2 pictures)")
    lines = (tmp_path / "corpus" / "pictures.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[1]) == {"path": "ще.jpg", "width": 20, "height": 30}
    loaded.subset(images=[1]).save(tmp_path / "again")
    assert_equal(Corpus.load(tmp_path / "again"), corpus.subset(images=[1]))


def test_a_grounding_without_pictures_survives_the_disk(tmp_path):
    corpus = Corpus(Matches([], 0, 0), grounding=Grounding([], [], [], [], [], []))
    corpus.save(tmp_path / "corpus")
    assert_equal(Corpus.load(tmp_path / "corpus"), corpus)


def test_the_number_of_regions_is_the_number_of_images():
    grounding = small_grounded_corpus().grounding
    assert Corpus(np.array([0, 0, 0]), grounding=grounding).num_images == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"region_pictures": [0], "region_boxes": [[0, 0, 1, 1]]},
            r"`grounding\.region_pictures` must have 2 rows, as `matches`. Received: 1",
        ),
        (
            {"phrase_pictures": [0, 0], "phrase_boxes": [[0, 0, 1, 1]] * 2},
            r"`grounding\.phrase_pictures` must have 3 rows, as `matches`. Received: 2",
        ),
    ],
)
def test_a_grounding_of_another_length_is_named(changes, message):
    with pytest.raises(ValueError, match=message):
        small_grounded_corpus(**changes)


GROUNDING_FILES = ["pictures.jsonl", *(f"{name}.npy" for name in ROWS_OF_GROUNDING)]


@pytest.mark.parametrize("name", GROUNDING_FILES)
def test_a_damaged_file_of_the_grounding_is_named(tmp_path, name):
    small_grounded_corpus().save(tmp_path / "corpus")
    file = tmp_path / "corpus" / name
    assert json.loads((tmp_path / "corpus" / "corpus.json").read_text())["files"][name]
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(ValueError, match=f"{name}.*expected"):
        Corpus.load(tmp_path / "corpus")
    file.unlink()
    with pytest.raises(ValueError, match=f"{name}.*no file"):
        Corpus.load(tmp_path / "corpus")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("region_pictures", 2, r"`region_pictures` must hold indices in \[0, 2\).*row 1"),
        ("region_boxes", np.nan, "`region_boxes` must be finite xyxy boxes.*row 1"),
        ("phrase_boxes", 5, "`phrase_boxes` must be finite xyxy boxes.*row 1"),
    ],
)
def test_another_grounding_of_the_same_size_is_checked_again(tmp_path, name, value, message):
    small_grounded_corpus().save(tmp_path / "corpus")
    file = tmp_path / "corpus" / f"{name}.npy"
    array = np.load(file)
    array[(1,) if array.ndim == 1 else (1, 0)] = value
    np.save(file, array)
    with pytest.raises(ValueError, match=message):
        Corpus.load(tmp_path / "corpus")


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d["columns"].pop("images"),
        lambda d: d["columns"].update(pictures=["path", "width"]),
        lambda d: d["columns"].update(pictures=["path", "width", "height", "depth"]),
        lambda d: d["files"].pop("region_boxes.npy"),
        lambda d: d.pop("num_texts"),
    ],
)
def test_a_description_that_lacks_something_is_damaged(tmp_path, damage):
    directory = tmp_path / "corpus"
    small_grounded_corpus().save(directory)
    file = directory / "corpus.json"
    description = json.loads(file.read_text())
    damage(description)
    file.write_text(json.dumps(description))
    with pytest.raises(ValueError, match=r"corpus\.json' is damaged"):
        Corpus.load(directory)


def test_word_indices_are_text_features(tmp_path):
    indices = np.array([[2, 5, 0], [1, 0, 0], [0, 0, 0]], "int32")
    corpus = Corpus([0, 0, 1], text_features=indices, texts=["a dog", "xyz", ""])
    assert "text_features (3, 3) int32" in repr(corpus)
    np.testing.assert_array_equal(corpus.subset(texts=[2, 0]).text_features, indices[[2, 0]])
    corpus.save(tmp_path / "corpus")
    loaded = Corpus.load(tmp_path / "corpus")
    assert isinstance(loaded.text_features, np.memmap)
    assert loaded.text_features.dtype == np.int32
    np.testing.assert_array_equal(loaded.text_features, indices)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"text_features": np.array([[2], [-1], [3]])},
            "no negative index. Received: one in row 1",
        ),
        ({"text_features": np.array([2, 1, 3])}, r"`text_features` must be of rank 2.*\(3,\)"),
        ({"text_features": np.array([[2], [1]])}, "`text_features` must have 3 rows"),
        ({"text_features": np.ones((3, 2), bool)}, "`text_features` must be a float array"),
        ({"image_features": np.ones((2, 2), int)}, "`image_features` must be a float array"),
    ],
)
def test_wrong_word_indices_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        Corpus([0, 0, 1], **changes)
