"""Tests of the stores: their answers beside those of exact search, and what they refuse."""

import importlib.util

import numpy as np
import pytest

from tb_keras.search import ImageTextIndex
from tb_keras.search.kept import collection, proposed_keys
from tb_keras.search.stores import qdrant_store
from tb_keras.search.stores.faiss_store import FaissStore
from tb_keras.search.stores.lancedb_store import LanceStore
from tb_keras.search.stores.store import Block
from tests.search.pictures_by_content import STORES, Model, vector, write_pictures

NAMES = [f"{number:03}" for number in range(300)]
ATTRIBUTES = {
    "year": [None if number % 7 == 0 else 2000 + number % 25 for number in range(300)],
    "place": [("Bern", "it's", None)[number % 3] for number in range(300)],
}
QUERIES = np.stack([vector(text) for text in ("one", "two", "three", "four", "five")])
FILTERS = (
    None,
    "year >= 2010",
    "not year >= 2010",
    "place = 'it''s' and year != 2003",
    "place != 'Bern' or year in (2001, 2003)",
    "place not in ('Bern', 'Thun') and not (year between 2005 and 2009)",
    "year is null",
    "place is not null",
    "place < 'Ca'",
    "year = 2001 and place = 'Bern' and year < 2001",
)
CASES = [
    pytest.param(
        store,
        dtype,
        marks=[
            pytest.mark.skipif(importlib.util.find_spec(package) is None, reason="not installed"),
            *([] if (store, dtype) == ("faiss", "float32") else [pytest.mark.slow]),
        ],
    )
    for store, package in STORES.items()
    for dtype in ("float32", "float16", "int8")
    if package and not (store == "faiss" and dtype == "int8")
]


@pytest.fixture
def always(monkeypatch):
    """The store is asked, however few the items are."""
    monkeypatch.setattr(proposed_keys, "_FEW_ROWS", 0)
    monkeypatch.setattr(FaissStore, "waits", 0)


@pytest.mark.parametrize(("store", "dtype"), CASES)
def test_a_store_finds_what_exact_search_finds(tmp_path, always, monkeypatch, store, dtype):
    contents = {name: f"picture {name}" for name in NAMES}
    paths = write_pictures(tmp_path / "pictures", contents)
    arguments = (Model(), paths, NAMES, ATTRIBUTES, ["a text"])
    exact = ImageTextIndex.build(tmp_path / "exact", *arguments, dtype=dtype)
    index = ImageTextIndex.build(tmp_path / "index", *arguments, dtype=dtype, store=store)
    asked = []
    for one in index._of.values():
        search = one.store.search
        monkeypatch.setattr(
            one.store, "search", lambda *a, search=search: asked.append(a) or search(*a)
        )

    def check():
        for filter in FILTERS:
            right, answer = (one.search(QUERIES, 10, filter) for one in (exact, index))
            assert right[1].tolist() == answer[1].tolist(), filter
            np.testing.assert_allclose(right[0], answer[0], atol=1e-6)
        assert index.search(QUERIES[:1], 10, of="texts")[1].tolist() == [["a text"]]
        assert index.check() == []

    with exact, index:
        check()
        assert asked
        for one in (exact, index):
            one.delete(NAMES[:170])
            one.add(paths[200:210], NAMES[200:210], {"camera": ["Leica"] * 10, "year": [2024] * 10})
            one.add(paths[:3], NAMES[:3])
        check()
        answer = index.search(QUERIES, 20, "camera = 'Leica'")[1]
        assert sorted(answer[0]) == NAMES[200:210]
    with ImageTextIndex(tmp_path / "index") as index:
        assert index.check() == []
        assert index.search(QUERIES, 10)[1].shape == (5, 10)


def test_what_a_store_has_not_learned_is_found(tmp_path, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(proposed_keys, "_FEW_ROWS", 0)
    paths = write_pictures(tmp_path / "pictures", {name: name for name in NAMES[:20]})
    with ImageTextIndex.build(tmp_path / "index", Model(), paths, NAMES[:20], store="faiss") as i:
        assert not (tmp_path / "index" / "images.faiss").exists()
        assert i.search(vector("007")[None], 1)[1].tolist() == [["007"]]
        monkeypatch.setattr(FaissStore, "waits", 19)
        i.delete(["007"])
        assert (tmp_path / "index" / "images.faiss").exists()
        i.add(paths[7:8], ["007"])
        assert i.search(vector("007")[None], 1)[1].tolist() == [["007"]]
        assert i.check() == []


def test_a_store_writes_itself_seldom_and_holds_little_at_a_time(tmp_path, always, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(collection, "_STORE_ROWS", 8)
    paths = write_pictures(tmp_path / "pictures", {name: name for name in NAMES[:100]})
    handed, add = [], FaissStore.add

    def counted(self, blocks):
        sizes = []
        add(self, (sizes.append(len(block.keys)) or block for block in blocks))
        handed.append(sizes)

    monkeypatch.setattr(FaissStore, "add", counted)
    ImageTextIndex.build(tmp_path / "index", Model(), paths, NAMES[:100], store="faiss").close()
    assert [sum(sizes) for sizes in handed] == [8, 8, 16, 32, 36]
    assert all(size <= 8 for sizes in handed for size in sizes)


def test_a_lost_and_a_damaged_file_of_faiss(tmp_path, always):
    pytest.importorskip("faiss")
    paths = write_pictures(tmp_path / "pictures", {name: name for name in NAMES[:20]})
    ImageTextIndex.build(tmp_path / "index", Model(), paths, NAMES[:20], store="faiss").close()
    file = tmp_path / "index" / "images.faiss"
    whole = file.read_bytes()
    file.unlink()
    with ImageTextIndex(tmp_path / "index") as index:
        assert index.check() == ["the store lacks 20 of the images and has 0 too many"]
        assert index.search(vector("007")[None], 1)[1].tolist() == [["007"]]
        file.write_bytes(whole[:100])
        with pytest.raises(ValueError, match=r"images.faiss is damaged"):
            index.search(vector("007")[None], 1)
        assert "is damaged" in index.check()[0]


@pytest.mark.parametrize(("store", "dtype"), [case for case in CASES if case.values[1] != "int8"])
def test_repair_teaches_what_was_lost(tmp_path, always, store, dtype):
    paths = write_pictures(tmp_path / "pictures", {name: name for name in NAMES[:40]})
    build = ImageTextIndex.build(tmp_path / "index", Model(), paths, NAMES[:40], store=store)
    with build as index:
        kept = index._of["images"].store
        kept.delete(kept.keys()[:10])
        kept.add([Block(np.array([99_000]), vector("x")[None], [{}])])
        assert index.check() == ["the store lacks 10 of the images and has 1 too many"]
        assert index.repair() == []
        assert index.search(vector("007")[None], 1)[1].tolist() == [["007"]]


def test_repair_replaces_a_damaged_file(tmp_path, always):
    pytest.importorskip("faiss")
    paths = write_pictures(tmp_path / "pictures", {name: name for name in NAMES[:20]})
    ImageTextIndex.build(tmp_path / "index", Model(), paths, NAMES[:20], store="faiss").close()
    (tmp_path / "index" / "images.faiss").write_bytes(b"damaged")
    with ImageTextIndex(tmp_path / "index", Model()) as index:
        index._items.note("images", range(1, 4))  # left to learn by a process that was killed
        with pytest.raises(ValueError, match=r"images.faiss is damaged"):
            index.add_texts(["a text"])
        assert index.repair() == []
        assert index.search(vector("007")[None], 1)[1].tolist() == [["007"]]


@pytest.mark.slow
def test_a_folder_of_qdrant_has_room_for_few(tmp_path, monkeypatch):
    pytest.importorskip("qdrant_client")
    monkeypatch.setattr(qdrant_store, "_LOCAL", 2)
    paths = write_pictures(tmp_path / "pictures", {name: name for name in NAMES[:3]})
    with pytest.raises(ValueError, match="takes up to 2 images without `store_url`"):
        ImageTextIndex.build(tmp_path / "index", Model(), paths, NAMES[:3], store="qdrant")


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told(tmp_path):
    pytest.importorskip("qdrant_client")
    paths = write_pictures(tmp_path / "pictures", {"a": "a"})
    url = "http://localhost:1"
    with pytest.raises(OSError, match=r"Qdrant at http://localhost:1 did not answer: "):
        ImageTextIndex.build(tmp_path / "index", Model(), paths, store="qdrant", store_url=url)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"store": "drawer"}, "`store` must be one of exact, faiss, qdrant, lancedb"),
        ({"store": "faiss", "dtype": "binary"}, "one of float32, float16 with store='faiss'"),
        ({"store_url": "http://x"}, "`store_url` is for qdrant and lancedb"),
    ],
)
def test_wrong_settings_are_refused(tmp_path, settings, message):
    with pytest.raises(ValueError, match=message):
        ImageTextIndex.build(tmp_path / "index", Model(), **settings)


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'tb_keras\[lancedb\]'"):
        ImageTextIndex.build(tmp_path / "index", Model(), store="lancedb")


def test_what_the_disk_says_to_lancedb_is_an_os_error(tmp_path, monkeypatch):
    pytest.importorskip("lancedb")
    store = LanceStore(str(tmp_path), "table", "float32")

    def full(*_):
        raise RuntimeError("lance error: LanceError(IO): No space left on device, /src/x.rs:9")

    monkeypatch.setattr(store, "_merge", full)
    with pytest.raises(OSError, match=r"No space left on device$"):
        store.add([(np.arange(2), np.eye(2, dtype="float32"), [{}, {}])])
