import pytest

from tb_keras.datasets.formats.caption_lines import read_caption_lines, read_picture_list


def test_captions_may_hold_tabs_and_number_signs(tmp_path):
    path = tmp_path / "a.token"
    path.write_bytes(
        b"\xef\xbb\xbfa.jpg#1\t#2\tb.jpg#0\ttwo\r\n\r\nb.jpg#0 one#1\r\na.jpg#0\t  a\xe2\x80\xa8b"
    )
    found = read_caption_lines(path)
    assert {name: [caption.text for caption in lines] for name, lines in found.items()} == {
        "a.jpg": ["#2\tb.jpg#0\ttwo", "  a\u2028b"],
        "b.jpg": ["one#1"],
    }
    assert [caption.attributes["sentence"] for caption in found["a.jpg"]] == [1, 0]
    assert found["a.jpg"][1].where == f"{path}, line 4"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", " has no caption"),
        (b"\n \n", " has no caption"),
        (b"a.jpg#0\ta\na.jpg", ", line 2: expected NAME#NUMBER<TAB>caption. Received: 'a.jpg'"),
        (b"a.jpg#0\ta\na.jpg#1", ", line 2: expected NAME#NUMBER<TAB>caption. Received: 'a.jpg#1'"),
        (b"a.jpg\ta dog#1\tb", ", line 1: expected NAME#NUMBER<TAB>caption"),
        (b"a.jpg#x\ta dog", ", line 1: expected NAME#NUMBER<TAB>caption"),
        (b"a.jpg#zhbDec#0\ta dog", ", line 1: expected NAME#NUMBER<TAB>caption"),
        (b"a.jpg#1#0\ta dog", ", line 1: expected NAME#NUMBER<TAB>caption"),
        (b"#0\ta dog", ", line 1: expected NAME#NUMBER<TAB>caption"),
        (b"a.jpg#0\ta\n\na.jpg#0\tb", ", line 3: the caption 'a.jpg#0' comes twice"),
        (b"a.jpg#0\ta\na.jpg#1\tcaf\xe9", ", line 2: not in UTF-8"),
    ],
)
def test_a_damaged_file(tmp_path, data, message):
    path = tmp_path / "a.token"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=f"a.token{message}"):
        read_caption_lines(path)


def test_picture_lists(tmp_path):
    path = tmp_path / "test.txt"
    path.write_bytes(b"\xef\xbb\xbf100\r\n\r\n200.jpg#7 \n")
    assert read_picture_list(path) == [
        ("100", f"{path}, line 1"),
        ("200.jpg#7", f"{path}, line 3"),
    ]
    path.write_bytes(b"100\n\xe9")
    with pytest.raises(ValueError, match=r"test.txt, line 2: not in UTF-8"):
        read_picture_list(path)
    path.write_bytes(b"\n")
    with pytest.raises(ValueError, match=r"test.txt names no picture"):
        read_picture_list(path)
    with pytest.raises(FileNotFoundError, match=r"val.txt"):
        read_picture_list(tmp_path / "val.txt")
