import collections
import contextlib
import datetime
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.formats.plain_pickle import load_plain_pickle

PLAIN = {
    "ids": [1, -2, 2**80, True, None, 0.5],
    "nested": ({"sent": "the café"}, [], (), {}),
    "shared": [["a"]] * 3,
}


def written(folder, data):
    path = folder / "refs(unc).p"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read(tmp_path, protocol):
    assert load_plain_pickle(written(tmp_path, pickle.dumps(PLAIN, protocol))) == PLAIN


def test_sets_and_bytes_are_read_where_they_are_no_calls(tmp_path):
    value = [{1, 2}, frozenset("ab"), b"raw", bytearray(b"raw")]
    assert load_plain_pickle(written(tmp_path, pickle.dumps(value, 5))) == value
    with pytest.raises(ValueError, match="GLOBAL at byte"):
        load_plain_pickle(written(tmp_path, pickle.dumps(value, 2)))


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(value=plain, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_any_plain_value_comes_back(tmp_path_factory, value, protocol):
    path = written(tmp_path_factory.getbasetemp(), pickle.dumps(value, protocol))
    assert load_plain_pickle(path) == value


class Command:
    """What a malicious pickle is: an object whose restoring is a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_command_is_refused_and_does_not_run(tmp_path, protocol):
    mark = tmp_path / "mark"
    data = pickle.dumps([{"ref_id": 1}, Command(os.system, f"touch {mark}")], protocol)
    with pytest.raises(ValueError, match=r"refs\(unc\)\.p: (STACK_)?GLOBAL at byte \d+ names code"):
        load_plain_pickle(written(tmp_path, data))
    assert not mark.exists()
    pickle.loads(data)  # elsewhere the same bytes do run
    assert mark.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",  # GLOBAL, REDUCE
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # STACK_GLOBAL
        b"\x80\x02\x82\x01.",  # EXT1
        b"Pname\n.",  # PERSID
        b"\x80\x02]Q.",  # BINPERSID
        b"\x80\x05\x97.",  # NEXT_BUFFER
        b"\x80\x02]}b.",  # BUILD
        b"\x80\x02])\x81.",  # NEWOBJ
    ],
)
def test_every_opcode_that_reaches_outside_is_refused(tmp_path, data):
    with pytest.raises(ValueError, match="names code"):
        load_plain_pickle(written(tmp_path, data))


@pytest.mark.parametrize(
    "value", [np.arange(3), np.float64(1), datetime.date(2016, 1, 1), collections.OrderedDict(a=1)]
)
def test_objects_that_are_no_plain_data_are_refused(tmp_path, value):
    with pytest.raises(ValueError, match="names code"):
        load_plain_pickle(written(tmp_path, pickle.dumps(value)))


def test_the_unpickler_refuses_where_the_scan_does_not(tmp_path, monkeypatch):
    monkeypatch.setattr("tb_keras.datasets.formats.plain_pickle._check_opcodes", lambda data: None)
    mark = tmp_path / "mark"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps(Command(os.system, f"touch {mark}"), protocol)
        with pytest.raises(ValueError, match="system is code"):
            load_plain_pickle(written(tmp_path, data))
    for data in (b"Pname\n.", b"\x80\x02]Q."):
        with pytest.raises(ValueError, match="is outside the file"):
            load_plain_pickle(written(tmp_path, data))
    assert not mark.exists()


# Python 2's `pickle.dumps({"sent": u"caf\xe9", "raw": "caf\xc3\xa9"}, 2)`, and in protocol 0.
PYTHON_2 = b"\x80\x02}q\x00(U\x04sentq\x01X\x05\x00\x00\x00caf\xc3\xa9U\x03rawU\x05caf\xc3\xa9u."
PYTHON_2_PROTOCOL_0 = b"(dp0\nS'sent'\np1\nVcaf\xe9\np2\nsS'raw'\nS'caf\\xc3\\xa9'\ns."


@pytest.mark.parametrize("data", [PYTHON_2, PYTHON_2_PROTOCOL_0])
def test_strings_of_python_2(tmp_path, data):
    path = written(tmp_path, data)
    assert load_plain_pickle(path) == {"sent": "café", "raw": "café"}
    assert load_plain_pickle(path, encoding="latin-1") == {"sent": "café", "raw": "cafÃ©"}
    as_bytes = {b"sent": "café", b"raw": b"caf\xc3\xa9"}
    assert load_plain_pickle(path, encoding="bytes") == as_bytes


def test_strings_of_python_2_in_another_encoding(tmp_path):
    path = written(tmp_path, b"\x80\x02U\x04caf\xe9.")
    with pytest.raises(ValueError, match=r"refs\(unc\)\.p: strings are not in `encoding`='utf-8'"):
        load_plain_pickle(path)
    assert load_plain_pickle(path, encoding="latin-1") == "café"


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_cut_off_anywhere_names_the_file(tmp_path, protocol):
    data = pickle.dumps(PLAIN, protocol)
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"refs\(unc\)\.p: "):
            load_plain_pickle(written(tmp_path, data[:length]))


@given(data=st.binary(max_size=40))
def test_no_bytes_raise_anything_else(tmp_path_factory, data):
    path = written(tmp_path_factory.getbasetemp(), data + b".")
    with contextlib.suppress(ValueError):
        load_plain_pickle(path)


@pytest.mark.parametrize("number", [2**20, 2**32 - 1])
def test_a_small_file_does_not_ask_for_a_large_memory(tmp_path, number):
    data = b"\x80\x02]r" + number.to_bytes(4, "little") + b"."
    with pytest.raises(ValueError, match=f"asks for room for {number} objects"):
        load_plain_pickle(written(tmp_path, data))


def test_a_large_file_is_refused(tmp_path):
    path = written(tmp_path, pickle.dumps("a" * 100))
    with pytest.raises(ValueError, match="at most `max_bytes`=50"):
        load_plain_pickle(path, max_bytes=50)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        load_plain_pickle(tmp_path / "missing.p")
