import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.datasets.formats.text_files import read_json, read_text


def test_line_ends_and_byte_order_mark(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntw\xc3\xb6\n")
    assert read_text(tmp_path / "a.txt") == "one\ntwö\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(("data", "line"), [(b"\xe9", 1), (b"\n\xe9", 2), (b"a\r\nb\r\nc\xe9", 3)])
def test_the_line_that_is_not_in_utf8(tmp_path, mark, data, line):
    (tmp_path / "a.txt").write_bytes(mark + data)
    with pytest.raises(ValueError, match=rf"a\.txt, line {line}: not in UTF-8"):
        read_text(tmp_path / "a.txt")


def test_gzip_is_unpacked(tmp_path):
    file, whole = tmp_path / "a.gz", gzip.compress(b"one\r\ntw\xc3\xb6\n")
    file.write_bytes(whole)
    assert read_text(file) == "one\ntwö\n"
    for damaged in (whole[:-9], b"one\n"):
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"a\.gz: not gzip, or cut off"):
            read_text(file)
    file.write_bytes(gzip.compress(b"one\n\xe9"))
    with pytest.raises(ValueError, match=r"a\.gz, line 2: not in UTF-8"):
        read_text(file)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=values, distinct_keys=st.booleans())
def test_json_comes_back(tmp_path_factory, value, distinct_keys):
    path = tmp_path_factory.getbasetemp() / "a.json"
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")
    assert read_json(path, distinct_keys) == value


def test_the_same_key_twice(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"outer": {"a": 1, "b": 2, "b": 3}}')
    assert read_json(path) == {"outer": {"a": 1, "b": 3}}
    with pytest.raises(ValueError, match=r"a\.json: 'b' comes twice"):
        read_json(path, distinct_keys=True)
