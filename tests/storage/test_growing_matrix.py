"""Tests of the growing matrix: what is committed stays, what is not does not count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.storage.growing_matrix import GrowingMatrix

ROWS = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 7), st.booleans()), max_size=12),
    st.sampled_from(["float16", "float32"]),
)
def test_as_an_array(tmp_path_factory, writes, dtype):
    path = tmp_path_factory.mktemp("rows") / "rows.npy"
    held = committed = np.zeros((0, 5), dtype)
    with GrowingMatrix(path, dtype) as matrix:
        for start, rows, commit in writes:
            start = min(start, len(held))
            held = np.concatenate([held[:start], ROWS[:rows].astype(dtype), held[start + rows :]])
            matrix.write(start, ROWS[:rows])
            assert matrix.num_rows == len(held)
            if commit:
                matrix.commit()
                committed = held
                np.testing.assert_array_equal(np.load(path), held)
    if writes:
        assert np.load(path).shape == committed.shape


def test_rows_that_are_not_committed_are_written_over(tmp_path):
    path = tmp_path / "rows.npy"
    with GrowingMatrix(path, "float32") as matrix:
        matrix.write(0, ROWS[:10])
        matrix.commit()
        matrix.write(10, ROWS[10:20])
    with GrowingMatrix(path, "float16") as matrix:
        assert (matrix.num_rows, matrix.dtype) == (10, np.float32)
        matrix.write(10, ROWS[20:25])
        matrix.commit()
    np.testing.assert_array_equal(np.load(path), ROWS[[*range(10), *range(20, 25)]])


def test_truncated(tmp_path):
    path = tmp_path / "rows.npy"
    with GrowingMatrix(path, "float32") as matrix:
        matrix.write(0, ROWS)
        matrix.truncate(3)
        matrix.truncate(9)
        assert matrix.num_rows == 3
    np.testing.assert_array_equal(np.load(path), ROWS[:3])
    np.save(tmp_path / "expected.npy", ROWS[:3])
    assert path.read_bytes() == (tmp_path / "expected.npy").read_bytes()


def test_wrong_blocks(tmp_path):
    with GrowingMatrix(tmp_path / "rows.npy", "float32") as matrix:
        matrix.write(0, ROWS)
        for row, block in ((41, ROWS), (0, ROWS[:, :4])):
            with pytest.raises(ValueError, match="`block` must have 5 columns and begin at most"):
                matrix.write(row, block)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "rows.npy"
    for array in (np.zeros(3), np.zeros((3, 2), order="F")):
        np.save(path, array)
        with pytest.raises(ValueError, match="must be a matrix in C order"):
            GrowingMatrix(path, "float32")
    path.write_bytes(b"no numbers")
    with pytest.raises(ValueError, match="magic"):
        GrowingMatrix(path, "float32")
    np.save(path, ROWS)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"rows\.npy is cut off: it must have at least \d+ bytes"):
        GrowingMatrix(path, "float32")
