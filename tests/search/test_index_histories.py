"""Whatever is added, deleted and changed, and killed meanwhile: the index is as built anew."""

import functools
import signal
import subprocess
import sys
import time

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.search import EmbeddedItem, ImageTextIndex
from tb_keras.search.kept import adding, collection, embedding_rows, items, proposed_keys
from tb_keras.search.stores.faiss_store import FaissStore
from tb_keras.search.stores.lancedb_store import LanceStore
from tb_keras.search.stores.qdrant_store import QdrantStore
from tests.forks import environment
from tests.search.pictures_by_content import INSTALLED, Model, vector, write_pictures

NAMES = [f"picture{number}" for number in range(9)]
PLACES = ("Bern", "Thun", None)
QUERIES = np.stack([vector(f"query {number}") for number in range(3)])


FAST = hypothesis.settings.default.max_examples < 100  # `make test`


class Killed(BaseException):
    """Stands for the end of the process."""


class Kill:
    """Ends what runs before or after a number of steps: writes, statements, calls of a store."""

    def __init__(self, monkeypatch, steps):
        self.left = None
        for owner, name in steps:
            monkeypatch.setattr(owner, name, self._step(getattr(owner, name)))

    def _step(self, function):
        @functools.wraps(function)
        def step(*arguments, **named):
            self._count()
            answer = function(*arguments, **named)
            self._count()
            return answer

        return step

    def _count(self):
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Killed


CLASSES = {"faiss": FaissStore, "qdrant": QdrantStore, "lancedb": LanceStore}


def steps_of(store):
    found = [(embedding_rows.EmbeddingRows, "write"), (embedding_rows, "_written")]
    found += [(items.Items, "_all"), (items.Items, "_many")]
    return found + [(CLASSES[store], name) for name in ("add", "delete") if store in CLASSES]


@st.composite
def changes(draw):
    """What is done: an add of pictures with contents and places, of texts, or a delete."""
    kind = draw(st.sampled_from(["add", "add", "texts", "delete"]))
    kill = draw(st.none() | st.integers(0, 60))
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
    if kind == "add":
        contents = st.tuples(st.sampled_from("abc"), st.sampled_from(PLACES))
        return kind, {name: draw(contents) for name in names}, kill
    return kind, names, kill


def apply(folder, index, kind, what):
    if kind == "add":
        paths = write_pictures(folder, {name: name + letter for name, (letter, _) in what.items()})
        index.add(paths, list(what), {"place": [place for _, place in what.values()]})
    elif kind == "texts":
        index.add_texts([f"text of {name}" for name in what])
    else:
        index.delete([name for name in what if name in set(index.ids())])


def contents_of(index):
    """All that an index knows, in an order of its own."""
    found = {}
    for of in ("images", "texts"):
        names = sorted(index.ids(of))
        found[of] = index.items(names, of), index.embeddings(names, of).tolist() if names else []
        scores, ids = index.search(QUERIES, 4, of=of)
        found["best", of] = scores.round(5).tolist(), ids.tolist()
    for filter in ("place = 'Bern'", "not place = 'Bern'", "place is null"):
        found[filter] = index.search(QUERIES, 9, filter)[1].tolist()
    return found


@pytest.mark.parametrize("store", INSTALLED)
@hypothesis.settings(max_examples=6 if FAST else 25)
@given(history=st.lists(changes(), max_size=6), half=st.booleans())
def test_a_history_with_kills_ends_as_built_anew(tmp_path_factory, store, history, half):
    folder = tmp_path_factory.mktemp("history")
    pictures, now, texts = folder / "pictures", {"first": ("a", "Bern")}, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adding, "BLOCK_ITEMS", 2)
        patch.setattr(collection, "_STORE_ROWS", 2)
        patch.setattr(collection, "_MOST_HOLES", 1)
        patch.setattr(proposed_keys, "_FEW_ROWS", 0)
        patch.setattr(FaissStore, "waits", 0)
        kill = Kill(patch, steps_of(store))
        paths = write_pictures(pictures, {"first": "firsta"})
        coded = "int8" if store == "exact" else "float16"
        settings = {"store": store, "dtype": coded if half else "float32"}
        ImageTextIndex.build(
            folder / "index", Model(), paths, list(now), {"place": ["Bern"]}, **settings
        ).close()
        for kind, what, steps in history:
            with ImageTextIndex(folder / "index", Model()) as index:
                kill.left = steps
                try:
                    apply(pictures, index, kind, what)
                    done = True
                except Killed:
                    done = False
                kill.left = None
            if not done:
                with ImageTextIndex(folder / "index", Model()) as index:
                    apply(pictures, index, kind, what)
            if kind == "add":
                now.update(what)
            elif kind == "texts":
                texts = [*dict.fromkeys([*texts, *(f"text of {name}" for name in what)])]
            else:
                now = {name: value for name, value in now.items() if name not in what}
        with ImageTextIndex(folder / "index", Model()) as index:
            assert index.check() == []
            found = contents_of(index)
        paths = [str(pictures / name) for name in now]
        places = {"place": [place for _, place in now.values()]}
        with ImageTextIndex.build(
            folder / "anew", Model(), paths, list(now), places, texts, **settings
        ) as index:
            assert found == contents_of(index)


ADDING = """
import os, sys, time
synchronize = os.fsync
def slow(file):
    time.sleep(0.02)
    synchronize(file)
os.fsync = slow
from tb_keras.search import EmbeddedItem, ImageTextIndex
from tb_keras.search.kept import adding
from tests.search.pictures_by_content import Model
adding.BLOCK_ITEMS = 2
folder, store, *names = sys.argv[1:]
paths = [f"{folder}/pictures/{name}" for name in names]
settings = {"store": store, "dtype": "float16"}
ImageTextIndex.build(f"{folder}/index", Model(), paths, names, **settings).close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("store", INSTALLED)
def test_a_build_that_is_really_killed_goes_on(tmp_path, store):
    names = [f"{number:03}" for number in range(60)]
    write_pictures(tmp_path / "pictures", {name: name for name in names})
    command = [sys.executable, "-c", ADDING, str(tmp_path), store, *names]
    kills = 0
    for wait in (0.3, 0.5, 0.9, None):
        with subprocess.Popen(command, env=environment(tmp_path)) as process:
            while wait and process.poll() is None and not list(tmp_path.glob(".index-building")):
                time.sleep(0.01)
            if wait:
                time.sleep(wait)
                process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
    assert kills
    with ImageTextIndex(tmp_path / "index", Model()) as index:
        assert index.check() == []
        assert sorted(index.ids()) == names
        right = np.stack([vector(name) for name in names]).astype("float16")
        np.testing.assert_array_equal(index.embeddings(names), right)


def test_a_build_of_embedded_items_keeps_none_of_a_killed_one(tmp_path, monkeypatch):
    old = [EmbeddedItem(f"old {n}", f"{n}.png", vector(str(n))) for n in range(5)]
    new = [EmbeddedItem("new", None, vector("new")), EmbeddedItem("newer", None, vector("newer"))]
    add = ImageTextIndex.add_embedded

    def added_and_killed(*arguments, **settings):
        add(*arguments, **settings)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(ImageTextIndex, "add_embedded", added_and_killed)
        with pytest.raises(Killed):
            ImageTextIndex.build(tmp_path / "index", Model(), embedded=old)
    with ImageTextIndex.build(tmp_path / "index", Model(), embedded=new) as index:
        assert (index.ids(), index.ids("texts")) == ([], ["new", "newer"])
        assert index.check() == []
