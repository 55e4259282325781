"""Tests of what is indexed, and of how tb-index refuses what it cannot do."""

import json

import numpy as np
import pytest

from tb_keras import Corpus
from tb_keras.scripts.own_data.indexed_pictures import indexed_corpus, indexed_pictures
from tests.scripts.running import check, run_forked

TABLE = """image,caption,year,zip,place,number
a.png,a dog,2019,08001,Bern,1
a.png,a pet,2019,08001,Bern,1
b.png,a cat,2020,3000,,2.5
c.png,a dog,,3001, Thun,-1e3
"""
PATHS = ["a.png", "b.png", "c.png"]


@pytest.fixture
def table(tmp_path):
    (tmp_path / "table.csv").write_text(TABLE)
    return tmp_path / "table.csv"


def test_a_table(table):
    found = indexed_pictures(str(table), {}, ["year", "zip", "place", "number"])
    assert found.paths == [str(table.parent / name) for name in PATHS]
    assert (found.ids, found.texts) == (None, ["a dog", "a pet", "a cat"])
    assert found.attributes == {
        "year": [2019, 2020, None],
        "zip": ["08001", "3000", "3001"],
        "place": ["Bern", None, "Thun"],
        "number": [1, 2.5, -1000.0],
    }
    kept = found.only(found.paths[1:])
    assert (kept.paths, kept.attributes["year"]) == (found.paths[1:], [2020, None])


def test_numbers_stay_text_where_the_index_has_text(table):
    found = indexed_pictures(str(table), {}, ["year"], "place", {"year": "text"})
    assert found.attributes == {"year": ["2019", "2020", None]}
    assert found.ids == ["Bern", "None", "Thun"]


def test_a_table_without_texts_and_a_folder(tmp_path):
    rows = [{"file_name": "a.png", "year": 2019}, {"file_name": "b.png", "year": None}]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = indexed_pictures(str(tmp_path / "rows.jsonl"), {}, ["year"])
    assert (found.attributes, found.texts) == ({"year": [2019, None]}, [])
    (tmp_path / "a.png").touch()
    assert indexed_pictures(str(tmp_path), {}) == ([str(tmp_path / "a.png")], None, {}, [])
    with pytest.raises(ValueError, match="are for tables"):
        indexed_pictures(str(tmp_path), {}, ["year"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ("a.png,a pet,2018,08001,Bern,1", "line 3: 'year' is '2018', but '2019' in another row"),
        ("http://x/a.png,a,1,1,1,1", "a picture must be a file"),
    ],
)
def test_a_wrong_table_is_refused(table, changed, message):
    table.write_text(TABLE.replace("a.png,a pet,2019,08001,Bern,1", changed))
    with pytest.raises(ValueError, match=message):
        indexed_pictures(str(table), {}, ["year"])
    with pytest.raises(ValueError, match="no column 'yeer', there are 'image'"):
        indexed_pictures(str(table), {}, ["yeer"])


def test_a_corpus():
    corpus = Corpus(
        np.array([0, 1, 1]),
        image_paths=["/a.png", "/b.png"],
        texts=["a", "b", "a"],
        image_attributes={"name": ["A", "B"]},
    )
    found = indexed_corpus(corpus, ["name"])
    assert found == (["/a.png", "/b.png"], None, {"name": ["A", "B"]}, ["a", "b"])
    with pytest.raises(ValueError, match="the data set has no 'year'; there are: name"):
        indexed_corpus(corpus, ["year"])


REFUSED = {
    "say one of build, add, delete, info, check": ["--index=kept"],
    "Received: info more": ["info", "more", "--index=kept"],
    "Flag --index must have a value": ["info"],
    "name either --run or --model": ["build", "--index=kept"],
    "'table.csv' exists: tb-index add adds to it": ["build", "--run=x", "--index=table.csv"],
    "must be an index. Received: 'nowhere'": ["add", "--index=nowhere"],
    "nowhere' must be a run of tb-train": ["build", "--run=nowhere", "--index=kept"],
    "name what to delete": ["delete", "--index=kept"],
    "--run goes with build": ["add", "--run=x", "--index=kept"],
    "--dtype goes with build": ["repair", "--dtype=int8", "--index=kept"],
    "--images goes with build and add": ["info", "--images=x", "--index=kept"],
    "--filter goes with delete": ["add", "--filter=year < 9", "--index=kept"],
    "--attributes goes with --images": [
        *("build", "--model=x", "--index=kept", "--embeddings=x", "--attributes=year"),
    ],
    "--id_column goes with --images": ["build", "--run=x", "--index=kept", "--id_column=sku"],
}


def test_what_it_refuses(table):
    ended = run_forked(table.parent, [["index", *arguments] for arguments in REFUSED.values()])
    for message, done in zip(REFUSED, ended, strict=True):
        check(done, 1, message)
