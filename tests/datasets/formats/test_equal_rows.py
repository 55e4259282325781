"""Tests of equal rows: found exactly, in blocks, in any dtype."""

import numpy as np
import pytest

from tb_keras.datasets.formats import equal_rows
from tb_keras.datasets.formats.equal_rows import first_equal_rows


def expected(features):
    seen = {}
    return [seen.setdefault(row.tobytes(), number) for number, row in enumerate(features)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int32", "uint8"])
@pytest.mark.parametrize("dim", [1, 3, 8])
@pytest.mark.parametrize("block", [1, 7, 2**20])
def test_first_equal_rows(monkeypatch, dtype, dim, block):
    monkeypatch.setattr(equal_rows, "_BLOCK_VALUES", block)
    features = np.random.default_rng(dim).integers(0, 3, (50, dim)).astype(dtype)
    assert first_equal_rows(features).tolist() == expected(features)
    assert first_equal_rows(np.asfortranarray(features)).tolist() == expected(features)
    assert first_equal_rows(features[::2]).tolist() == expected(features[::2])


def test_hashes_that_agree_by_chance_are_no_equal_rows(monkeypatch):
    monkeypatch.setattr(equal_rows, "_hashes", lambda features: np.zeros(len(features), np.uint64))
    features = np.array([[1.0], [2.0], [1.0]])
    assert first_equal_rows(features).tolist() == [0, 1, 0]


def test_no_row_and_no_column():
    assert first_equal_rows(np.zeros((0, 4))).tolist() == []
    assert first_equal_rows(np.zeros((3, 0))).tolist() == [0, 0, 0]


def test_no_two_of_many_rows_agree():
    features = np.random.default_rng(0).normal(size=(20_000, 4)).astype("float32")
    assert (first_equal_rows(features) == np.arange(20_000)).all()
