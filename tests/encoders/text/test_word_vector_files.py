"""Tests of the readers of word vectors: each layout, what is kept, and damaged files."""

import gzip
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.text import word_vector_files
from tb_keras.encoders.text.word_vector_files import read_word_vectors
from tests.cases import examples

LAYOUTS = ("glove", "word2vec", "fasttext", "binary", "binary_lines")


def written(layout, words, vectors):
    """The bytes of a file as the tool of that name writes it."""
    header = f"{len(words)} {vectors.shape[1]}\n".encode()
    if layout.startswith("binary"):
        end = b"\n" if layout == "binary_lines" else b""
        rows = [w.encode() + b" " + v.astype("<f4").tobytes() + end for w, v in zip(words, vectors)]
        return header + b"".join(rows)
    end = {"glove": "\n", "word2vec": "\n", "fasttext": " \n"}[layout]
    rows = [" ".join([w, *(repr(float(x)) for x in v)]) + end for w, v in zip(words, vectors)]
    return (b"" if layout == "glove" else header) + "".join(rows).encode()


def name_of(layout, compressed=False):
    return ("v.bin" if layout.startswith("binary") else "v.txt") + (".gz" if compressed else "")


WORD = st.text(
    st.characters(exclude_categories=["Zs", "Zl", "Zp", "Cc", "Cs"]), min_size=1, max_size=5
)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@examples(25)
@given(
    words=st.lists(WORD, min_size=1, max_size=8, unique=True), dim=st.integers(2, 5), data=st.data()
)
def test_what_was_written_is_read(tmp_path_factory, layout, compressed, words, dim, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    vectors = rng.normal(size=(len(words), dim)).astype("float32")
    content = written(layout, words, vectors)
    path = tmp_path_factory.mktemp("vectors") / name_of(layout, compressed)
    path.write_bytes(gzip.compress(content) if compressed else content)
    found = read_word_vectors(path)
    assert found.words == words
    np.testing.assert_array_equal(found.vectors, vectors)
    some = data.draw(st.lists(st.sampled_from(words), min_size=1, unique=True))
    kept = read_word_vectors(path, [*some, "not there at all"])
    assert set(some) <= set(kept.words)
    np.testing.assert_array_equal(kept.of(some), found.of(some))


@pytest.mark.parametrize("layout", ["glove", "binary"])
def test_a_word_in_another_case_stands_for_the_folded_one(tmp_path, layout):
    words = ["Paris", "PARIS", "Dog", "dog", "the", "Bär", "DOG", "ﬁn"]
    vectors = np.arange(16, dtype="float32").reshape(8, 2)
    path = tmp_path / name_of(layout)
    path.write_bytes(written(layout, words, vectors))
    found = read_word_vectors(path, {"paris", "dog", "bär", "fin", "cat"})
    assert found.words == ["paris", "dog", "bär", "fin"]
    np.testing.assert_array_equal(found.vectors, vectors[[0, 3, 5, 7]])


def test_the_first_of_equal_words_is_kept(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("a 1 2\nb 3 4\na 5 6\n")
    for vocabulary in (None, ["a", "b"]):
        found = read_word_vectors(path, vocabulary)
        assert found.words == ["a", "b"]
        np.testing.assert_array_equal(found.vectors, [[1, 2], [3, 4]])


def test_words_with_spaces(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("the 1 2\n. . . 3 4\nat name@domain.com 5 6\nat 7 8\n")
    found = read_word_vectors(path)
    assert found.words == ["the", ". . .", "at name@domain.com", "at"]
    assert found.of(["at"]).tolist() == [[7, 8]]
    assert read_word_vectors(path, ["at"]).of(["at"]).tolist() == [[7, 8]]


def test_words_that_are_no_text_are_left_out(tmp_path):
    path = tmp_path / "v.txt"
    path.write_bytes(b"a 1 2\n\xff\xfe 3 4\nb\xe2 5 6\nc 7 8\r\n")
    assert read_word_vectors(path).words == ["a", "c"]
    assert read_word_vectors(path, ["c"]).vectors.tolist() == [[7, 8]]


def test_the_kind_of_file_may_be_said(tmp_path):
    vectors = np.eye(2, dtype="float32")
    (tmp_path / "vectors").write_bytes(written("binary", ["a", "b"], vectors))
    assert read_word_vectors(tmp_path / "vectors", binary=True).words == ["a", "b"]
    (tmp_path / "vectors.bin").write_bytes(written("glove", ["a", "b"], vectors))
    assert read_word_vectors(str(tmp_path / "vectors.bin"), binary=False).words == ["a", "b"]


@pytest.mark.parametrize("name", ["v.bin", "v.bin.gz", "v.vec"])
@pytest.mark.parametrize("layout", ["word2vec", "fasttext", "binary"])
def test_the_content_says_more_than_the_name(tmp_path, name, layout):
    words = ["dog", "a cat", "ﬁn"]
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    content = written(layout, words, vectors)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    if layout != "binary":
        found = read_word_vectors(tmp_path / name)
        assert found.words == words
        np.testing.assert_array_equal(found.vectors, vectors)
        with pytest.raises(ValueError, match=r"line 2: numbers in decimal; the file is not binary"):
            read_word_vectors(tmp_path / name, binary=True)
    elif name == "v.vec":
        with pytest.raises(ValueError, match="line 2: expected a word and 5 numbers"):
            read_word_vectors(tmp_path / name)


@pytest.mark.parametrize("layout", ["glove", "word2vec", "fasttext"])
def test_a_byte_order_mark(tmp_path, layout):
    vectors = np.eye(2, dtype="float32")
    path = tmp_path / "v.txt"
    path.write_bytes(b"\xef\xbb\xbf" + written(layout, ["dog", "cat"], vectors))
    for vocabulary in (None, ["cat", "dog"]):
        found = read_word_vectors(path, vocabulary)
        assert found.words == ["dog", "cat"]
        np.testing.assert_array_equal(found.vectors, vectors)


@pytest.mark.parametrize("header", ["2  3", "2\t3", " 2 3 "])
def test_a_header_with_other_white_space(tmp_path, header):
    path = tmp_path / "v.txt"
    path.write_text(f"{header}\ndog 1 2 3\ncat 4 5 6\n")
    assert read_word_vectors(path, ["cat"]).vectors.tolist() == [[4, 5, 6]]


@pytest.mark.parametrize("vocabulary", [None, ["dog"], ["dog", "cat"]])
@pytest.mark.parametrize("line", ["dog 1 2 3 4", "dog 1 2"])
def test_a_row_of_another_length(tmp_path, vocabulary, line):
    path = tmp_path / "v.txt"
    path.write_text(f"cat 4 5 6\n{line}\nbus 7 8 9\n")
    with pytest.raises(ValueError, match=f"line 2: expected a word and 3 numbers, found b'{line}"):
        read_word_vectors(path, vocabulary)


@pytest.mark.parametrize("layout", ["glove", "word2vec", "binary"])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_is_cut_off(tmp_path, layout, compressed):
    words = [f"w{number}" for number in range(20)]
    vectors = np.random.default_rng(0).normal(size=(20, 6)).astype("float32")
    content = written(layout, words, vectors)
    whole = gzip.compress(content) if compressed else content
    path = tmp_path / name_of(layout, compressed)
    path.write_bytes(whole[: len(whole) * 2 // 3 + 3])
    for vocabulary in (None, ["w1"]):
        with pytest.raises(ValueError, match=rf"{path.name}(: cut off|, line \d+: expected)"):
            read_word_vectors(path, vocabulary)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("v.txt", b"", "line 1: no word vector and no header"),
        ("v.txt", b"word\n", "line 1: no word vector"),
        ("v.txt", b"3 2\na 1 2\nb 3 4\n", "cut off: 3 words announced, 2 found"),
        ("v.txt", b"1 2\na 1 2\nb 3 4\n", "1 words announced, 2 found"),
        ("v.txt", b"2 3\na 1 2 3\nb 3 4\n", "line 3: expected a word and 3 numbers, found b'b 3 4"),
        ("v.txt", b"a 1 2\nb x 4\nc 1 2\n", "line 2: expected a word and 2 numbers"),
        ("v.txt", b"a 1 2\n\nc 1 2\n", "line 2: expected a word and 2 numbers"),
        ("v.txt", b"a 1 nan\n", "NaN or infinity for 'a'"),
        ("v.txt", b"0 2\n", "none of the words"),
        ("v.bin", b"", "line 1: expected the two sizes"),
        ("v.bin", b"a 1 2\n", "line 1: expected the two sizes"),
        ("v.bin", b"2 0\n", "line 1: expected the two sizes"),
        ("v.bin", b"2 1\na 0000", "cut off: 2 words announced, 1 found"),
        ("v.txt.gz", b"\x1f\x8bnothing", "cut off or damaged"),
    ],
)
def test_damaged_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_word_vectors(path)


def test_none_of_the_words_and_no_file(tmp_path):
    path = tmp_path / "v.txt"
    path.write_text("a 1 2\n")
    with pytest.raises(ValueError, match=r"v\.txt: none of the words asked for"):
        read_word_vectors(path, ["b"])
    with pytest.raises(FileNotFoundError):
        read_word_vectors(tmp_path / "none.txt")


@pytest.mark.parametrize("layout", ["glove", "binary"])
def test_memory_is_that_of_what_is_kept(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(word_vector_files, "_BLOCK", 1 << 14)
    words = [f"w{number}" for number in range(4000)]
    vectors = np.ones((4000, 100), "float32")
    path = tmp_path / name_of(layout)
    path.write_bytes(written(layout, words, vectors))
    tracemalloc.start()
    found = read_word_vectors(path, ["w7", "w3999"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.words == ["w7", "w3999"]
    assert peak < vectors.nbytes / 4
