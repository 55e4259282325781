import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.formats import matrix_cache
from tb_keras.datasets.own import arrays_files
from tb_keras.datasets.own.arrays import load_arrays

IMAGES = np.arange(12, dtype=np.float32).reshape(4, 3)
TEXTS = np.arange(12, dtype=np.float16).reshape(6, 2)
OWNERS = np.array(["b", "a", "a", "d", "c", "c"])


@pytest.fixture
def folder(tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    np.save(tmp_path / "images.ids.npy", np.array(["a", "b", "c", "d"]))
    np.save(tmp_path / "texts.npy", TEXTS)
    np.save(tmp_path / "texts.image_ids.npy", OWNERS)
    return tmp_path


def test_npy_files_stay_on_disk(folder):
    corpus = load_arrays(folder)
    for features, expected in ((corpus.image_features, IMAGES), (corpus.text_features, TEXTS)):
        assert isinstance(features, np.memmap)
        assert features.dtype == expected.dtype
        np.testing.assert_array_equal(features, expected)
    assert corpus.matches.pairs.tolist() == [[0, 1], [0, 2], [1, 0], [2, 4], [2, 5], [3, 3]]
    assert corpus.image_attributes == {"id": ["a", "b", "c", "d"]}
    assert (corpus.texts, corpus.text_attributes) == (None, {})


def test_npz_files(tmp_path):
    np.savez(tmp_path / "images.npz", features=IMAGES, ids=[7, 8, 9, 10])
    np.savez_compressed(
        tmp_path / "texts.npz",
        features=TEXTS,
        image_ids=[8, 7, 7, 10, 9, 9],
        strings=list("uvwxyz"),
        ids=np.array(["é", *"bcdef"]),
        languages=["en"] * 5 + ["de"],
    )
    corpus = load_arrays(tmp_path)
    assert corpus.matches.images_of(3).tolist() == [3]
    assert corpus.texts == list("uvwxyz")
    assert corpus.image_attributes == {"id": [7, 8, 9, 10]}
    assert corpus.text_attributes["id"] == ["é", *"bcdef"]
    assert corpus.text_attributes["language"][-1] == "de"


def test_columns_as_text_files(folder):
    (folder / "images.ids.npy").unlink()
    (folder / "images.ids.txt").write_bytes("\ufeffa\r\nb\r\nc\r\nd\r\n".encode())
    (folder / "texts.strings.txt").write_text("u\nv\nw\nx\ny\nz")
    corpus = load_arrays(folder)
    assert corpus.image_attributes == {"id": ["a", "b", "c", "d"]}
    assert corpus.texts == list("uvwxyz")


def test_several_images_a_text(folder):
    (folder / "texts.image_ids.npy").unlink()
    np.save(folder / "matches.npy", np.array([["a", "0"], ["b", "0"], ["d", "5"]]))
    np.save(folder / "images.splits.npy", np.array(["train", "val", "test", "test"]))
    assert load_arrays(folder).matches.pairs.tolist() == [[0, 0], [1, 0], [3, 5]]
    for split, rows in (("train", [0]), ("validation", [0]), ("test", [5])):
        np.testing.assert_array_equal(load_arrays(folder, split).text_features, TEXTS[rows])
    assert load_arrays(folder, "test").matches.pairs.tolist() == [[1, 0]]


def test_texts_in_order(folder):
    (folder / "texts.image_ids.npy").unlink()
    with pytest.raises(ValueError, match=r"must have one of `texts_per_image`.*Received: none"):
        load_arrays(folder)
    with pytest.raises(ValueError, match=r"texts\.npy must have 8 rows.*4 images. Received: 6"):
        load_arrays(folder, texts_per_image=2)
    with pytest.raises(ValueError, match="`texts_per_image` must be a positive int"):
        load_arrays(folder, texts_per_image=1.5)
    np.save(folder / "texts.npy", np.ones((8, 2)))
    assert load_arrays(folder, texts_per_image=2).matches.images_of(5).tolist() == [2]


@pytest.mark.parametrize("block_values", [1, 2**24])
def test_hashed_splits_are_whole(folder, monkeypatch, block_values, tmp_path):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))
    for module in (arrays_files, matrix_cache):  # at 1 every split is a large one
        monkeypatch.setattr(module, "BLOCK_VALUES", block_values)
    found = set()
    for split in ("train", "validation", "test"):
        corpus = load_arrays(folder, split)
        if block_values == 1:
            assert isinstance(corpus.image_features, np.memmap)
            assert isinstance(corpus.text_features, np.memmap)
        assert corpus.text_features.dtype == np.float16
        for image, text in corpus.matches.pairs:
            row = "abcd".index(corpus.image_attributes["id"][image])
            np.testing.assert_array_equal(corpus.image_features[image], IMAGES[row])
            number = int(corpus.text_features[text][0]) // 2
            assert OWNERS[number] == "abcd"[row]
            found.add(number)
    assert found == set(range(6))
    with pytest.raises(ValueError, match=r"'all', 'test', 'train', 'validation', which.*'mine'"):
        load_arrays(folder, "mine")


@given(st.data())
def test_what_is_written_is_read(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("arrays")
    ids = data.draw(st.lists(st.integers(0, 99), min_size=1, max_size=8, unique=True))
    owners = data.draw(st.lists(st.sampled_from(ids), min_size=1, max_size=8))
    character = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    text = st.text(character, min_size=1).filter(str.strip)
    strings = data.draw(st.lists(text, min_size=len(owners), max_size=len(owners)))
    images = {"": np.random.rand(len(ids), 3), "ids": np.array(ids)}
    texts = {"": np.random.rand(len(owners), 2), "image_ids": owners, "strings": strings}
    for kind, columns in (("images", images), ("texts", texts)):
        if data.draw(st.booleans()):
            for name, values in columns.items():
                np.save(folder / f"{kind}{'.' * bool(name)}{name}.npy", values)
        else:
            columns = {name or "features": values for name, values in columns.items()}
            np.savez(folder / f"{kind}.npz", **columns)
    corpus = load_arrays(folder)
    np.testing.assert_array_equal(corpus.image_features, images[""])
    np.testing.assert_array_equal(corpus.text_features, texts[""])
    assert corpus.texts == strings
    assert corpus.image_attributes["id"] == ids
    images_of = [corpus.matches.images_of(text).tolist() for text in range(len(owners))]
    assert images_of == [[ids.index(owner)] for owner in owners]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("images.npy", np.full((4, 3), np.nan), "split 'all': `image_features` must be fin.*row 0"),
        ("images.npy", np.ones((4, 3), int), "`image_features` must be a float"),
        ("images.npy", np.ones(4), r"images\.npy: features must be a matrix.*\(4,\)"),
        ("images.npy", np.ones((0, 4)), r"images\.npy: features must be a matrix.*\(0, 4\)"),
        ("images.npy", np.array([[None]]), r"images\.npy: not a \.npy file of plain values"),
        ("images.ids.npy", np.array(list("abc")), r"ids\.npy must have 4 rows.*Received: 3"),
        ("images.ids.npy", np.array(list("abad")), "the id 'a' comes twice, first in row 0"),
        ("images.ids.npy", np.ones(4), "expected one int or string a row.*float64"),
        ("texts.image_ids.npy", np.array(list("aabbcx")), "image_ids.*has the id 'x' of row 5"),
        ("texts.strings.npy", np.array(["a", "b", "c", "d", "e", " "]), "a string in row 5"),
        ("images.splits.npy", np.array(["train"]), "must have 4 rows"),
        ("matches.npy", np.zeros((1, 2), int), "Received: texts.image_ids, matches.npy"),
        ("images.ids.txt", b"a\nb\nc\nd\n", "one of .*images.ids.npy' and .*both"),
        ("texts.strings.txt", b"a\nb\n\xe9", r"strings\.txt, line 3: not in UTF-8"),
        ("texts.strings.txt", b"", r"strings\.txt must have 6 rows"),
        ("images.npz", b"", "one of .*images.npy' and .*both"),
        ("texts.npy", b"", r"texts\.npy: not a \.npy file of plain values, or damaged"),
    ],
)
def test_damaged_files(folder, name, values, message):
    if isinstance(values, bytes):
        (folder / name).write_bytes(values)
    else:
        np.save(folder / name, values, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        load_arrays(folder)


def test_damaged_matches(folder):
    (folder / "texts.image_ids.npy").unlink()
    np.save(folder / "matches.npy", np.zeros((2, 3), int))
    with pytest.raises(ValueError, match=r"matches\.npy must have shape \(p, 2\)"):
        load_arrays(folder)
    np.save(folder / "matches.npy", np.array([["a", "6"]]))
    with pytest.raises(ValueError, match=r"matches\.npy: no row of .*texts\.npy has the id '6'"):
        load_arrays(folder)


def test_cut_off_files(folder):
    np.savez_compressed(folder / "texts.npz", features=TEXTS, image_ids=OWNERS)
    (folder / "texts.image_ids.npy").unlink()
    (folder / "texts.npy").unlink()
    assert load_arrays(folder).num_texts == 6
    for name in ("images.npy", "texts.npz"):
        whole = (folder / name).read_bytes()
        for size in range(0, len(whole), 11):
            (folder / name).write_bytes(whole[:size])
            with pytest.raises(ValueError, match=f"{name}: not a .np. file of plain values, or"):
                load_arrays(folder)
        (folder / name).write_bytes(whole)
    np.savez(folder / "texts.npz", image_ids=OWNERS)
    with pytest.raises(ValueError, match=r"texts\.npz: there is no 'features', but 'image_ids'"):
        load_arrays(folder)


def test_no_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"images\.npy"):
        load_arrays(tmp_path)


def test_equal_rows_in_several_splits(folder):
    equal = IMAGES.copy()
    equal[[2, 3]] = equal[0]
    np.save(folder / "images.npy", equal)
    np.save(folder / "images.splits.npy", np.array(["train", "val", "test", "train"]))
    message = r"1 rows are in one split and an equal row in another, such as 'a' in 'train' and 'c'"
    with pytest.warns(UserWarning, match=message):
        load_arrays(folder, "train")
    load_arrays(folder, "all")  # no split, no warning


def test_equal_rows_are_hashed_into_one_split(tmp_path):
    features = np.arange(60, dtype=np.float32).reshape(30, 2)
    features[10:20] = features[3]
    np.save(tmp_path / "images.npy", features)
    np.save(tmp_path / "images.ids.npy", np.arange(30))
    np.save(tmp_path / "texts.npy", np.ones((30, 2)))
    splits = ("train", "validation", "test")
    ids = {s: load_arrays(tmp_path, s, 1).image_attributes["id"] for s in splits}
    assert sorted(id for of_split in ids.values() for id in of_split) == list(range(30))
    assert len([split for split in splits if {3, *range(10, 20)} & set(ids[split])]) == 1
