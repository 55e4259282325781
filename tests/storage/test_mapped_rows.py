"""Tests of reading rows ahead: the pages of the rows are asked for, and no others."""

import mmap

import numpy as np
import pytest

from tb_keras.batching.neighborhood_sampling import gathered
from tb_keras.storage.mapped_rows import read_ahead


class RecordingFile(mmap.mmap):
    """A mapped file that remembers which bytes it was asked to read ahead."""

    def __init__(self, *args, **kwargs):
        self.asked = []

    def madvise(self, option, start, length):
        super().madvise(option, start, length)  # which refuses what is not in the file
        assert option == mmap.MADV_WILLNEED
        self.asked.append((start, start + length))


class Mapped(np.ndarray):
    """What `read_ahead` knows of a memory map."""


@pytest.mark.parametrize("part", [slice(None), slice(100, 900), slice(3, None, 7)])
@pytest.mark.parametrize("dim", [1, 1000, 5000])
def test_the_pages_of_the_rows_are_asked_for(tmp_path, part, dim):
    path, numbers = tmp_path / "rows.npy", np.arange(1000)[part]
    np.save(path, np.zeros((1000, dim), np.float16))
    size, offset = path.stat().st_size, path.stat().st_size - 1000 * dim * 2
    rows = np.array([5, 0, len(numbers) - 1, 5])
    with path.open("rb") as stream:
        file = RecordingFile(stream.fileno(), size, access=mmap.ACCESS_READ)
    features = np.frombuffer(file, np.float16, offset=offset).reshape(1000, dim)[part].view(Mapped)
    features._mmap = file
    read_ahead(features, rows)
    pages = set()
    for row in rows:
        first = offset + int(numbers[row]) * dim * 2
        pages |= {byte // mmap.PAGESIZE for byte in range(first, first + dim * 2)}
    assert pages == {
        byte // mmap.PAGESIZE for start, end in file.asked for byte in range(start, end)
    }


def test_a_batch_from_a_part_of_a_file_is_its_rows(tmp_path):
    features = np.random.default_rng(0).random((50, 300)).astype(np.float16)
    np.save(tmp_path / "rows.npy", features)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")[10:40]
    rows = np.array([29, -1, 0, 7, 7])
    expected = np.where(rows[:, None] >= 0, features[10:40][rows], 0)
    np.testing.assert_array_equal(gathered(mapped, rows), expected)
    np.testing.assert_array_equal(gathered(features[10:40], rows), expected)
    swapped = features.astype(">f4")  # another byte order than the machine's
    found = gathered(swapped[10:40], rows)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)
