"""Readers of word vectors as word2vec, GloVe and fastText write them."""

from __future__ import annotations

import codecs
import gzip
import itertools
import os
import unicodedata
import zlib
from collections.abc import Collection, Iterator
from typing import BinaryIO, cast

import numpy as np

from tb_keras.encoders.text.word_vectors import WordVectors

_BLOCK = 1 << 22  # bytes of a binary file read at a time


def read_word_vectors(
    path: str | os.PathLike,
    vocabulary: Collection[str] | None = None,
    binary: bool | None = None,
) -> WordVectors:
    r"""Reads a file of word vectors, and keeps only those of a vocabulary in memory.

    It reads text files with a word and its numbers on each line, with a first line of the two sizes
    (word2vec, fastText's `.vec`) or without (GloVe), and word2vec's binary files. Each may be
    compressed by gzip.

    If a word occurs twice, its first vector is kept. Words that are not UTF-8 are left out, since
    no text could hold them. In text files words may hold spaces, as a few in GloVe do.

    Args:
        path: the file.
        vocabulary: words to keep, case-folded, as `count_words` gives them. A word that the file
            has only in another case ("Paris") gets the vector of its first such form. If left out,
            all words are kept as they are spelled.
        binary: whether the file is binary. If left out, files named `.bin` or `.bin.gz` are, unless
            numbers in decimal follow their header.

    Returns:
        `WordVectors` of the words found, in the file's order.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is cut off, holds something else, or has none of the words. The message
            names the file, and the line or word.

    Examples:
        >>> import pathlib, tempfile
        >>> file = pathlib.Path(tempfile.mkdtemp()) / "glove.txt"
        >>> _ = file.write_text("the 1 0\ndog 0 1\n")
        >>> read_word_vectors(file, ["dog", "cat"]).words
        ['dog']
    """
    path = os.fspath(path)
    named_binary = path.endswith((".bin", ".bin.gz"))
    kept = _Kept(vocabulary)
    with open(path, "rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if compressed else raw
        try:
            if binary is None:
                binary = named_binary and not _is_text(stream)
            for word, values in (_binary_rows if binary else _text_rows)(stream, kept):
                kept.add(word, values)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: cut off or damaged ({error})") from None
        except ValueError as error:
            raise ValueError(f"{path}{error}") from None
    if not kept.rows:
        raise ValueError(f"{path}: none of the words asked for has a vector there")
    return WordVectors(list(kept.rows), kept.matrix())


class _Kept:
    """The vectors kept so far, in one growing buffer."""

    def __init__(self, vocabulary: Collection[str] | None):
        self.vocabulary = None if vocabulary is None else frozenset(vocabulary)
        self.rows: dict[str, int] = {}
        self.exact: set[str] = set()
        self.values = bytearray()

    def name(self, spelled: bytes) -> str | None:
        """Returns the word as it would be kept, or None."""
        try:
            word = spelled.decode()
        except UnicodeDecodeError:
            return None
        if self.vocabulary is None:
            return None if word in self.rows else word
        if word in self.vocabulary:
            return None if word in self.exact else word
        folded = _folded(word)
        return folded if folded in self.vocabulary and folded not in self.rows else None

    def add(self, spelled: bytes, values: np.ndarray) -> None:
        word = self.name(spelled)
        data = values.astype("<f4").tobytes()
        if word == spelled.decode() and self.vocabulary is not None:
            self.exact.add(word)
        if word in self.rows:  # the word itself takes the place of "Word"
            start = self.rows[word] * len(data)
            self.values[start : start + len(data)] = data
        else:
            self.rows[word] = len(self.rows)
            self.values += data

    def matrix(self) -> np.ndarray:
        return np.frombuffer(self.values, "<f4").reshape(len(self.rows), -1)


def _folded(word: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", word).casefold())


def _is_text(stream: BinaryIO) -> bool:
    """Returns whether a header is followed by a word and so many numbers in decimal."""
    header = _header(_without_mark(stream.readline(64)).split())
    try:
        return header is not None and len(_fields(stream.readline(_BLOCK), 2, header[1])[1]) > 0
    except ValueError:
        return False
    finally:
        stream.seek(0)


def _without_mark(line: bytes) -> bytes:
    return line.removeprefix(codecs.BOM_UTF8)


def _header(fields: list[bytes]) -> tuple[int, int] | None:
    if len(fields) == 2 and all(field.isdigit() for field in fields):
        return int(fields[0]), int(fields[1])
    return None


def _text_rows(stream: BinaryIO, kept: _Kept) -> Iterator[tuple[bytes, np.ndarray]]:
    line = _without_mark(stream.readline())
    fields = line.rstrip(b" \r\n").split(b" ")
    header = _header(line.split())
    dim = header[1] if header else len(fields) - 1
    if dim < 1:
        raise ValueError(f", line 1: no word vector and no header ({line[:40]!r})")
    lines = itertools.chain([line] if header is None else [], stream)
    first, number = (1, 0) if header is None else (2, 1)
    for number, line in enumerate(lines, start=first):
        # For nearly all lines the first field tells whether the numbers must be read. It may be the
        # beginning of a word with spaces, which is found out then.
        if kept.vocabulary is None or kept.name(line.partition(b" ")[0]) is not None:
            word, values = _fields(line, number, dim)
            if kept.name(word) is not None:
                yield word, values
    if number >= first:
        _fields(line, number, dim)  # a file that is cut off ends in the middle of a line
    found = number - first + 1
    if header is not None and found != header[0]:
        raise ValueError(f": cut off: {header[0]} words announced, {found} found")


def _fields(line: bytes, number: int, dim: int) -> tuple[bytes, np.ndarray]:
    word, *values = line.rstrip(b" \r\n").rsplit(b" ", min(dim, len(line)))
    try:
        # A word may hold spaces, but not a number that ends it: that is one of a longer vector.
        if len(values) != dim or _is_number(word.rpartition(b" ")[2] if b" " in word else b""):
            raise ValueError
        return word, np.array(values, dtype=np.float32)
    except ValueError:
        raise ValueError(
            f", line {number}: expected a word and {dim} numbers, found {line[:40]!r}"
        ) from None


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _binary_rows(stream: BinaryIO, kept: _Kept) -> Iterator[tuple[bytes, np.ndarray]]:
    if _is_text(stream):
        raise ValueError(", line 2: numbers in decimal; the file is not binary")
    first = stream.readline(64)
    header = _header(first.split())
    if header is None or not header[1]:
        raise ValueError(f", line 1: expected the two sizes, found {first[:40]!r}")
    words, dim = header
    size = 4 * dim
    data, at = b"", 0
    for number in range(words):
        # A word is shorter than a block. Usually it and its vector are there already.
        space = data.find(b" ", at)
        while space < 0 or len(data) < space + 1 + size:
            block = stream.read(_BLOCK)
            if not block:
                raise ValueError(f": cut off: {words} words announced, {number} found")
            data, at = data[at:] + block, 0
            space = data.find(b" ")
        word, at = data[at:space].lstrip(b"\n"), space + 1 + size
        if kept.name(word) is not None:
            yield word, np.frombuffer(data, "<f4", dim, space + 1)
