"""Tests of the index that is kept: its verbs, its answers beside a full sort, what it refuses."""

import re
import sqlite3
import threading
import time

import numpy as np
import pytest

from tb_keras.search import ImageTextIndex
from tb_keras.search.kept import adding, collection
from tests.search.pictures_by_content import DIM, Model, vector, write_pictures

NAMES = [f"{number:02}" for number in range(30)]
YEARS = [2000 + number if number % 4 else None for number in range(30)]
PLACES = [("Bern", "Thun", None)[number % 3] for number in range(30)]
ATTRIBUTES = {"year": YEARS, "place": PLACES}
QUERIES = np.stack([vector(text) for text in ("one", "two", "three")])


def built(folder, **settings):
    paths = write_pictures(folder / "pictures", {name: f"picture {name}" for name in NAMES})
    texts = [f"text {name}" for name in NAMES[:12]]
    index = ImageTextIndex.build(
        folder / "index", Model(), paths, NAMES, ATTRIBUTES, texts, **settings
    )
    return index, paths


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    with built(tmp_path_factory.mktemp("index"))[0] as index:
        yield index


def expected(names, contents, k):
    """The best names of each query, and their scores, by a full sort."""
    scores = QUERIES @ np.stack([vector(content) for content in contents]).T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(scores, order, axis=1), np.array(names, object)[order]


def check_answer(answer, right):
    np.testing.assert_allclose(answer[0], right[0], atol=1e-6)
    assert answer[1].tolist() == right[1].tolist()


def test_search(small):
    check_answer(small.search(QUERIES, 5), expected(NAMES, [f"picture {n}" for n in NAMES], 5))
    texts = [f"text {name}" for name in NAMES[:12]]
    check_answer(small.search(QUERIES, 20, of="texts"), expected(texts, texts, 12))
    scores, ids = small.search(QUERIES[:0], 3)
    assert (scores.shape, ids.shape) == ((0, 3), (0, 3))


FILTERS = {
    "year >= 2010": lambda year, place: year is not None and year >= 2010,
    "not year >= 2010": lambda year, place: year is not None and year < 2010,
    "place = 'Bern' and year < 2020": lambda y, p: p == "Bern" and y is not None and y < 2020,
    "place != 'Bern' or year in (2001, 2003)": lambda year, place: (
        place not in ("Bern", None) or year in (2001, 2003)
    ),
    "year is null": lambda year, place: year is None,
    "place is not null and not (year between 2005 and 2015)": lambda year, place: (
        place is not None and year is not None and not 2005 <= year <= 2015
    ),
    "place < 'Ca'": lambda year, place: place == "Bern",
    "year > 3000": lambda year, place: False,
}


@pytest.mark.parametrize("filter", FILTERS)
def test_a_filter_leaves_what_fits(small, filter):
    fits = list(map(FILTERS[filter], YEARS, PLACES))
    names = [name for name, fit in zip(NAMES, fits) if fit]
    answer = small.search(QUERIES, 30, filter)
    if not names:
        assert answer[1].shape == (3, 0)
        return
    check_answer(answer, expected(names, [f"picture {name}" for name in names], 30))


@pytest.mark.parametrize("dtype", ["float16", "int8", "binary"])
def test_other_types_find_the_same_and_score_by_floats(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr("tb_keras.search.kept.proposed_keys._RESCORED", 15)
    with built(tmp_path, dtype=dtype)[0] as index:
        scores, ids = index.search(QUERIES, 5)
        right = expected(NAMES, [f"picture {name}" for name in NAMES], 5)
        same = np.mean([len({*a} & {*b}) / 5 for a, b in zip(ids, right[1])])
        assert same >= (0.8 if dtype == "binary" else 1)
        vectors = np.stack([[vector(f"picture {name}") for name in row] for row in ids])
        found = np.einsum("qd,qkd->qk", QUERIES, vectors)
        np.testing.assert_allclose(scores, found, atol=1e-3 if dtype == "float16" else 1e-6)
        assert index.check() == []
        assert index.search(QUERIES, 3, "place = 'Thun'")[1].shape == (3, 3)


def test_only_what_is_new_or_changed_is_encoded(tmp_path):
    index, paths = built(tmp_path)
    index.close()
    model = Model()
    with ImageTextIndex(tmp_path / "index", model) as index:
        write_pictures(tmp_path / "pictures", {"03": "changed", "new": "new"})
        paths.append(str(tmp_path / "pictures" / "new"))
        assert index.add(paths, [*NAMES, "new"]) == (1, 1, 29)
        assert sorted(model.embedded) == ["changed", "new"]
        assert index.add_texts(["text 01", "other", "other"]) == (1, 0, 1)
        assert model.embedded[2:] == ["other"]
        assert index.items(["03"])[0].attributes == {"year": 2003, "place": "Bern"}
        assert index.items(["new"])[0].attributes == {"year": None, "place": None}
        np.testing.assert_array_equal(index.embeddings(["new", "03"])[1], vector("changed"))
        assert index.search(vector("changed")[None], 1)[1].tolist() == [["03"]]
        assert index.check() == []


def test_attributes_and_paths_change_without_encoding(tmp_path):
    index, paths = built(tmp_path)
    index.close()
    model = Model()
    moved = write_pictures(tmp_path / "moved", {"05": "picture 05"})
    with ImageTextIndex(tmp_path / "index", model) as index:
        assert index.add(moved, ["05"], {"year": [1990], "camera": ["Leica"]}) == (0, 0, 1)
        assert model.embedded == []
        (item,) = index.items(["05"])
        assert (item.path, item.attributes) == (
            moved[0],
            {"year": 1990, "place": None, "camera": "Leica"},
        )
        assert index.attributes == {"year": "number", "place": "text", "camera": "text"}
        assert index.search(QUERIES[:1], filter="year < 1995")[1].tolist() == [["05"]]
        assert index.search(QUERIES[:1], filter="camera = 'Leica'")[1].tolist() == [["05"]]
        index.add(paths[5:6], ["05"], {"year": [None]})
        assert index.items(["05"])[0].attributes["year"] is None


def test_what_is_deleted_is_not_found(tmp_path):
    with built(tmp_path)[0] as index:
        index.delete(NAMES[:10])
        index.delete(["text 00"], of="texts")
        rest = NAMES[10:]
        answer = index.search(QUERIES, 30)
        check_answer(answer, expected(rest, [f"picture {name}" for name in rest], 30))
        assert (index.count(), index.count("texts"), index.ids()) == (20, 11, rest)
        index.delete(rest)
        assert index.search(QUERIES)[1].shape == (3, 0)
        assert index.check() == []
        with pytest.raises(ValueError, match=r"`ids` must be of items that are there.*'00'"):
            index.delete(["00"])


def test_holes_are_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(collection, "_MOST_HOLES", 3)
    with built(tmp_path, dtype="int8")[0] as index, ImageTextIndex(tmp_path / "index") as other:
        other.search(QUERIES)
        index.delete(NAMES[::2])
        index.delete(NAMES[1:9:2])
        rest = NAMES[9::2]
        right = expected(rest, [f"picture {name}" for name in rest], 30)
        for one in (index, other):
            check_answer(one.search(QUERIES, 30), right)
            assert one.check() == []
        files = sorted(file.name for file in (tmp_path / "index").glob("images-*"))
        assert files == ["images-1.int8.npy", "images-1.npy"]
        assert np.load(tmp_path / "index" / "images-1.npy").shape == (len(rest), DIM)


def test_another_process_sees_each_change(tmp_path):
    with built(tmp_path)[0] as index, ImageTextIndex(tmp_path / "index") as other:
        paths = write_pictures(tmp_path / "pictures", {"new": "new"})
        assert other.search(vector("new")[None], 1)[1].tolist() != [["new"]]
        index.add(paths, ["new"], {"camera": ["Leica"]})
        assert other.search(vector("new")[None], 1)[1].tolist() == [["new"]]
        assert other.search(QUERIES, filter="camera = 'Leica'")[1].tolist() == [["new"]] * 3
        index.delete(["new"])
        assert "new" not in other.search(vector("new")[None], 31)[1]


def test_threads_search_while_others_change_it(tmp_path):
    index, paths = built(tmp_path)
    stop, failures, gone = threading.Event(), [], set()

    def ask():
        while not stop.is_set():
            before = set(gone)
            try:
                found = set(index.search(QUERIES, 30)[1].ravel())
                assert not found & before & gone, found & before
                assert {"20", "29"} <= found
            except Exception as error:  # told below, by the test itself
                failures.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for name in NAMES[:8]:
        index.delete([name])
        gone.add(name)
        time.sleep(0.005)
        gone.remove(name)
        index.add([paths[int(name)]], [name])
    stop.set()
    for thread in threads:
        thread.join()
    index.close()
    assert failures == []


def test_one_process_writes_at_a_time(tmp_path):
    with built(tmp_path)[0] as index, ImageTextIndex(tmp_path / "index") as other:
        with (
            other._writing(),
            pytest.raises(ValueError, match=r"another process is changing '.*index'"),
        ):
            index.delete(NAMES[:1])
        index.delete(NAMES[:1])


def test_another_model_is_refused(tmp_path):
    built(tmp_path, source="runs/mine")[0].close()
    with pytest.raises(ValueError, match=r"embeddings of another model \(runs/mine\)"):
        ImageTextIndex(tmp_path / "index", Model("two"))
    with ImageTextIndex(tmp_path / "index") as index:
        index.search(QUERIES)
        with pytest.raises(ValueError, match="`model` must be given"):
            index.add([])
    with (
        ImageTextIndex(tmp_path / "index", Model(dim=5)) as index,
        pytest.raises(ValueError, match=r"shape \(1, 8\). Received: shape=\(1, 5\)"),
    ):
        index.add_texts(["of another size"])


def test_an_index_is_not_built_over(tmp_path):
    built(tmp_path)[0].close()
    with pytest.raises(FileExistsError, match="exists: add to it"):
        built(tmp_path)
    with pytest.raises(FileNotFoundError, match="must be an index"):
        ImageTextIndex(tmp_path)


def test_a_build_goes_on_or_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(adding, "BLOCK_ITEMS", 4)
    contents = {name: f"picture {name}" for name in NAMES}
    paths = write_pictures(tmp_path / "pictures", contents)
    (tmp_path / "pictures" / "20").unlink()
    with pytest.raises(FileNotFoundError):
        ImageTextIndex.build(tmp_path / "index", Model(), paths, NAMES, texts=["a"])
    assert not (tmp_path / "index").exists()
    write_pictures(tmp_path / "pictures", {"20": "picture 20"})
    model = Model()
    with ImageTextIndex.build(tmp_path / "index", model, paths[2:], NAMES[2:]) as index:
        assert len(model.embedded) == 10  # 20 were there, in whole blocks
        assert sorted(index.ids()) == NAMES[2:]
        assert index.check() == []
    with pytest.raises(ValueError, match="is not"), ImageTextIndex(tmp_path / "index") as index:
        index.items(["00"])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index", "pictures"]


def test_a_build_of_another_model_begins_anew(tmp_path):
    paths = write_pictures(tmp_path / "pictures", {"a": "a"})
    with pytest.raises(FileNotFoundError):
        ImageTextIndex.build(tmp_path / "index", Model(), [*paths, "nowhere"], texts=["a"])
    model = Model("two")
    with ImageTextIndex.build(tmp_path / "index", model, paths) as index:
        assert model.embedded == ["a"]
        assert index.settings["model"] == "two"


WRONG = {
    "`ids` must be 1 strings. Received: 2": {"ids": ["a", "b"]},
    "`ids` must be strings of UTF-8, none empty. Received: ''": {"ids": [""]},
    "`ids` must be strings of UTF-8.*'a.udcff'": {"ids": ["a\udcff"]},
    "`attributes` must have 1 values in each column. Received: 2 in 'year'": {
        "attributes": {"year": [1, 2]}
    },
    "both in 'year', which is a number": {"attributes": {"year": ["2019"]}},
    "finite numbers, strings of UTF-8 or None. Received: inf in 'x'": {
        "attributes": {"x": [float("inf")]}
    },
    r"strings of UTF-8 or None. Received: \[1\] in 'x'": {"attributes": {"x": [[1]]}},
    "strings as names. Received: ''": {"attributes": {"": [1]}},
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_items_are_refused(tmp_path, message):
    index, paths = built(tmp_path)
    with index:
        with pytest.raises(ValueError, match=message):
            index.add(paths[:1], **WRONG[message])
        assert index.ids() == NAMES
        assert index.check() == []


def test_two_of_one_name_and_one_string_are_refused(small):
    with pytest.raises(ValueError, match=r"`ids` must be distinct. Received: 'a' twice"):
        small.add(["x", "y"], ["a", "a"])
    with pytest.raises(ValueError, match="`paths` must be a sequence of strings"):
        small.add("picture.png")
    with pytest.raises(ValueError, match="`texts` must be strings of UTF-8, none empty"):
        small.add_texts(["a", ""])
    with pytest.raises(ValueError, match="distinct"):
        small.delete(["01", "01"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "`k` must be a positive int"),
        ({"of": "image"}, "`of` must be 'images' or 'texts'. Received: of='image'"),
        ({"filter": "yeer = 1"}, r"columns there are: year \(number\), place \(text\)"),
        ({"filter": "year = 1", "of": "texts"}, "columns there are: none"),
        ({"filter": ""}, "`filter` must be a condition"),
        ({"queries": np.ones((1, 3))}, r"`queries` must have shape \(q, 8\)"),
        ({"queries": np.full((1, DIM), np.nan)}, "`queries` must be finite"),
    ],
)
def test_wrong_questions_are_refused(small, arguments, message):
    with pytest.raises(ValueError, match=message):
        small.search(**{"queries": QUERIES, **arguments})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dtype": "float8"}, "`dtype` must be one of float32, float16, int8, binary"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        built(tmp_path, **settings)


def damaged_floats(folder):
    rows = np.load(folder / "images-0.npy", mmap_mode="r+")
    rows[3, 2] = np.nan
    rows.flush()


def damaged_codes(folder):
    codes = np.load(folder / "images-0.int8.npy", mmap_mode="r+")
    codes[3, 2] += 1
    codes.flush()


def cut_off(folder):
    file = folder / "texts-0.npy"
    file.write_bytes(file.read_bytes()[:-4])


def lost(folder):
    (folder / "texts-0.npy").unlink()


def two_in_a_row(folder):
    with sqlite3.connect(folder / "index.sqlite") as connection:
        connection.execute("UPDATE images SET row = 4 WHERE row = 5")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (damaged_floats, "embedding in row 3 of the images, and perhaps more, is not finite"),
        (damaged_codes, "embedding in row 3 of the images, .* has another int8 code"),
        (cut_off, "texts-0.npy"),
        (lost, "lost its texts"),
        (two_in_a_row, "two images have one row"),
    ],
)
def test_damages_are_found(tmp_path, damage, problem):
    built(tmp_path, dtype="int8")[0].close()
    damage(tmp_path / "index")
    with ImageTextIndex(tmp_path / "index") as index:
        (line,) = index.check()
    assert re.search(problem, line), line


def test_a_damaged_database_is_told(tmp_path):
    built(tmp_path)[0].close()
    (tmp_path / "index" / "index.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(OSError, match=r"index.sqlite cannot be used: file is not a database"):
        ImageTextIndex(tmp_path / "index")
