import collections
import hashlib
import itertools
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.own.hashed_splits import (
    hashed_splits,
    in_split,
    split_named,
    with_validation,
)

names = st.lists(st.text(st.characters(exclude_categories=["Cs"])), unique=True, max_size=30)


def split_by_hash(name):
    """The split by the hash alone, of a Python integer."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
    return [*["train"] * 8, "validation", "test"][number * 10 >> 48]


@given(names)
def test_no_split_is_empty_and_few_images_move(names):
    splits = hashed_splits(names)
    assert hashed_splits(names[::-1]) == splits[::-1]
    by_hash = list(map(split_by_hash, names))
    empty = 3 - len(set(by_hash))
    if len(names) < 3 or not empty:
        assert splits == by_hash
    else:
        assert set(splits) == {"train", "validation", "test"}
        # Each empty split takes one image, over the split between the two where need be.
        moved = sum(a != b for a, b in zip(splits, by_hash))
        assert empty <= moved <= 2


@pytest.mark.parametrize("counts", list(itertools.product(range(4), repeat=3)))
def test_whichever_splits_are_empty(counts):
    """As before, for so many images of each split, which random names seldom have."""
    names = [
        name
        for split, count in zip(("train", "validation", "test"), counts)
        for name in [str(n) for n in range(99) if split_by_hash(str(n)) == split][:count]
    ]
    if len(names) >= 3:
        assert set(hashed_splits(names)) == {"train", "validation", "test"}


@given(names, st.text(st.characters(exclude_categories=["Cs"])))
def test_one_image_more_moves_few(names, name):
    if name in names:
        return
    before = hashed_splits(names)
    after = hashed_splits([*names, name])[:-1]
    assert sum(a != b for a, b in zip(before, after)) <= 2


def test_shares_and_stability():
    splits = hashed_splits([f"{number}.png" for number in range(20_000)])
    counts = collections.Counter(splits)
    # Four standard deviations of a binomial with 20,000 draws.
    assert abs(counts["train"] - 16_000) < 4 * 57
    assert abs(counts["validation"] - 2_000) < 4 * 43
    assert [number for number in range(12) if splits[number] == "validation"] == [9]
    assert [number for number in range(12) if splits[number] == "test"] == [5]


def test_other_names():
    assert [split_named(name) for name in ("val", "dev", "valid", "mine", "all")] == [
        *["validation"] * 3,
        "mine",
        "all",
    ]
    assert [split_named(name) for name in ("restval", " Train", "TEST", "Dev ", "Mine")] == [
        *["train", "train", "test", "validation", "Mine"]
    ]


def test_images_of_other_splits_are_counted():
    named = ["train", "test", "extra", "extra", "probe"]
    with pytest.warns(UserWarning, match=r"^my: images of other .*: 2 of 'extra', 1 of 'probe'$"):
        assert in_split("train", named, "abcde", "my").tolist() == [True] + 4 * [False]
    for split in ("extra", "all"):  # no warning
        assert in_split(split, named, "abcde", "my").any()
    with pytest.raises(
        ValueError, match=r"one of 'all', 'extra', .*my has. Received: 'validation'"
    ):
        in_split("val", named, "abcde", "my")


def test_images_of_one_key_are_in_one_split():
    keys = [f"{number % 40}.png" for number in range(80)]
    for split in ("train", "validation", "test"):
        chosen = in_split(split, None, keys, "my")
        assert chosen[:40].tolist() == chosen[40:].tolist()


@given(st.lists(st.sampled_from(["train", "test", "mine"]), min_size=1, max_size=60))
def test_validation_comes_from_training_images_alone(named):
    keys = [f"{number}.png" for number in range(len(named))]
    found = with_validation(named, keys)
    changed = [key for key, before, now in zip(keys, named, found) if before != now]
    trained = [key for key, name in zip(keys, named) if name == "train"]
    assert ("validation" in found) == (len(trained) >= 3)
    assert set(changed) < set(trained) or not changed
    by_hash = dict(zip(trained, hashed_splits(trained)))
    assert changed == [key for key in trained if by_hash[key] == "validation"]
    for split in set(found):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of images in "mine", and of the drawn validation
            chosen = in_split(split, named, keys, "pairs.csv")
        assert chosen.tolist() == [name == split for name in found]


def test_copies_go_into_validation_together():
    keys = [f"{number // 2}.png" for number in range(100)]
    found = with_validation(["train"] * 100, keys)
    assert found[::2] == found[1::2]
    assert "validation" in found
