"""Tests that a damaged NumPy file gives a short error that names it, whatever the damage."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.storage.numpy_files import open_array, read_archive
from tests.cases import examples


def with_header(path, header):
    header = header.encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999, 4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }",
        "{'descr': '<f999999999999', 'fortran_order': False, 'shape': (1, 4), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1, 4), }",
        "{'descr': '''",
        "((((((((((((((((",
        "",
    ],
)
def test_a_damaged_header(tmp_path, header):
    path = with_header(tmp_path / "a.npy", header)
    with pytest.raises(ValueError, match=r"a\.npy: not a \.npy file of plain") as error:
        open_array(path)
    assert len(str(error.value)) < 500


@examples(200)
@given(st.data())
def test_any_damage(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    np.save(folder / "whole.npy", np.arange(6.0).reshape(2, 3))
    np.savez_compressed(folder / "whole.npz", features=np.arange(6.0))
    for name, read in (("whole.npy", open_array), ("whole.npz", read_archive)):
        content = bytearray((folder / name).read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(content) - 1))
            content[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
        path = folder / f"damaged{name[-4:]}"
        path.write_bytes(content)
        message = ""
        try:
            read(path)
        except (ValueError, OSError) as error:
            message = str(error)
        assert len(message) < 500


def test_letters_that_unicode_does_not_have(tmp_path):
    """NumPy makes strings of them only with a SystemError."""
    ids = np.array(["ab", "cd"])
    ids.view(np.uint32)[3] = 0x110000
    np.save(tmp_path / "ids.npy", ids)
    np.savez(tmp_path / "ids.npz", ids=ids)
    for name, read in (("ids.npy", open_array), ("ids.npz", read_archive)):
        with pytest.raises(ValueError, match=rf"{name}: .*letters that Unicode does not have"):
            read(tmp_path / name)
    whole = np.array(["", "\U0010ffff", "\ud800"])
    np.save(tmp_path / "ids.npy", whole.astype(">U3"))
    assert open_array(tmp_path / "ids.npy").tolist() == whole.tolist()
    np.save(tmp_path / "ids.npy", np.array(["", ""]))
    assert open_array(tmp_path / "ids.npy").tolist() == ["", ""]
