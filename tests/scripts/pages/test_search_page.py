"""Tests of the page of search results: whole in one file, no text taken as HTML."""

import base64
from html.parser import HTMLParser
from typing import NamedTuple

import pytest

from tb_keras.scripts.pages.search_page import write_search_page


class Answer(NamedTuple):
    """What `tb-search` hands over."""

    query: str
    is_picture: bool
    answers: list[tuple[float, str]]


class Page(HTMLParser):
    """Elements in order, the attributes of pictures, and the text, with a check of the nesting."""

    EMPTY = ("meta", "img")

    def __init__(self, content):
        super().__init__()
        self.open, self.tags, self.pictures, self.text = [], [], [], []
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag == "img":
            self.pictures.append(dict(attrs))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip() and self.open[-1] != "style":
            self.text.append(data.strip())


HOSTILE = """<script>alert("x")</script> & {braces} 'quoted'"""


@pytest.fixture
def written(tmp_path):
    pictures = {"a.png": b"png bytes", 'b"<i>&.jpg': b"jpeg bytes", "c.GIF": b"gif bytes"}
    for name, content in pictures.items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in pictures]
    results = [
        Answer(HOSTILE, False, [(0.91234, paths[0]), (0.5, paths[1])]),
        Answer(paths[2], True, [(0.25, HOSTILE), (-0.125, "ein Käfer 犬")]),
    ]
    write_search_page(tmp_path / "pages" / "found.html", results)
    return tmp_path / "pages", Page((tmp_path / "pages" / "found.html").read_text("utf-8"))


def test_pictures_are_embedded(written):
    kinds, contents = zip(*(p["src"].split(";base64,") for p in written[1].pictures))
    assert kinds == ("data:image/png", "data:image/jpeg", "data:image/gif")
    assert [base64.b64decode(content) for content in contents] == [
        b"png bytes",
        b"jpeg bytes",
        b"gif bytes",
    ]
    assert [p["alt"] for p in written[1].pictures] == ["a.png", 'b"<i>&.jpg', "c.GIF"]


def test_texts_are_escaped(written):
    _, page = written
    assert "script" not in page.tags
    assert "i" not in page.tags
    assert page.text.count(HOSTILE) == 2  # as a query and as an answer
    assert "ein Käfer 犬" in page.text


def test_queries_and_scores_in_order(written):
    _, page = written
    assert page.tags.count("section") == 2
    assert page.tags.count("li") == 4
    assert [text for text in page.text if text.lstrip("-")[:2] == "0."] == [
        "0.912",
        "0.500",
        "0.250",
        "-0.125",
    ]


def test_nothing_else_is_left(written):
    assert [path.name for path in written[0].iterdir()] == ["found.html"]
