"""Tests of groups of pictures, which no split divides."""

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.own.split_groups import grouped_keys
from tb_keras.datasets.own.table import load_table
from tests.datasets.own.layouts import write_pictures, write_rows

SPLITS = ("train", "validation", "test")


def components(firsts, groups):
    """Which pictures belong together, by merging sets until none overlap."""
    sets = []
    for first, group in zip(firsts, groups):
        now = {first} if group is None else {first, ("group", group)}
        for other in [s for s in sets if s & now]:
            sets.remove(other)
            now |= other
        sets.append(now)
    return [next(n for n, s in enumerate(sets) if first in s) for first in firsts]


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["x", "y", "z", None]))))
def test_copies_and_groups_belong_together(rows):
    firsts, groups = [row[0] for row in rows], [row[1] for row in rows]
    keys = grouped_keys(firsts, groups)
    expected = components(firsts, groups)
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    assert all((keys[i] == keys[j]) == (expected[i] == expected[j]) for i, j in pairs)
    assert all(key in groups or key == first for key, first in zip(keys, firsts))
    if not any(groups):
        assert keys == firsts


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_hashed_splits_divide_no_group(tmp_path, name):
    names = [f"{number}.png" for number in range(120)]
    write_pictures(tmp_path, names)
    rows = [(n, f"a {n}", place // 4) for place, n in enumerate(names)]
    path = write_rows(tmp_path / name, ("image", "text", "group"), rows)
    corpora = [load_table(path, split) for split in SPLITS]
    assert sum(corpus.num_images for corpus in corpora) == 120
    numbers = [{int(text[2:-4]) // 4 for text in corpus.texts} for corpus in corpora]
    assert sum(map(len, numbers)) == len(set.union(*numbers)) == 30
    assert all(numbers)
    alone = [load_table(path, split, group_column=None).texts for split in SPLITS]
    assert alone != [corpus.texts for corpus in corpora]


def test_splits_that_divide_a_group_are_told(tmp_path):
    write_pictures(tmp_path, ["1.png", "2.png", "3.png", "4.png"])
    columns = ("image", "text", "split", "product")
    rows = [("1.png", "a", "train", "x"), ("2.png", "a", "test", "x"), ("3.png", "b", "test", "y")]
    path = write_rows(tmp_path / "a.csv", columns, [*rows, ("4.png", "c", "train", "")])
    message = "1 groups of pictures are in more than one split, such as 'x' in 'train' and 'test'"
    with pytest.warns(UserWarning, match=message):
        assert load_table(path, "train", group_column="product").texts == ["a", "c"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_table(path, "train")


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ((["x"], "x"), r"line 1: 'group' must be a string .* Received: \['x'\]"),
        (("x", "y"), "line 2: '1.png' is in 'y', before in 'x'"),
    ],
)
def test_wrong_groups(tmp_path, groups, message):
    write_pictures(tmp_path, ["1.png"])
    rows = [("1.png", "a", group) for group in groups]
    path = write_rows(tmp_path / "a.jsonl", ("image", "text", "group"), rows)
    with pytest.raises(ValueError, match=message):
        load_table(path)


def test_a_group_column_that_is_not_there(tmp_path):
    write_pictures(tmp_path, ["1.png"])
    path = write_rows(tmp_path / "a.csv", ("image", "text"), [("1.png", "a")])
    assert load_table(path).num_images == 1
    with pytest.raises(ValueError, match="no column 'patient', there are 'image', 'text'"):
        load_table(path, group_column="patient")
