"""Tests of the scan that pickles pass before they are read."""

import io
import pickle
import pickletools

import pytest

from tb_keras.checks.pickle_opcodes import DamagedPickleError, pickle_opcodes


@pytest.mark.parametrize("protocol", range(6))
def test_all_opcodes_up_to_the_end(protocol):
    data = pickle.dumps({"a": [1, 2.5, "b", None], "c": (b"d", True)}, protocol)
    file = io.BytesIO(b"before" + data + b"after")
    file.seek(6)
    found = list(pickle_opcodes(file))
    assert file.tell() == 6
    expected = [(place + 6, code.name) for code, _, place in pickletools.genops(data)]
    assert found == expected


@pytest.mark.parametrize("memo", [b"r\xff\xff\xff\x7f", b"p2147483647\n", b"q\xff"])
def test_room_for_more_objects_than_there_are_bytes(memo):
    with pytest.raises(DamagedPickleError, match="asks for room for"):
        list(pickle_opcodes(io.BytesIO(b"\x80\x02]" + memo + b".")))


@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"\x80\x02]", b"no pickle"])
def test_no_pickle(data):
    with pytest.raises(ValueError, match=r"."):
        list(pickle_opcodes(io.BytesIO(data)))
