"""Tests of the page of search results: whole in one file, no text taken as HTML."""

import base64
from typing import NamedTuple

import pytest

from tb_keras.scripts.pages.search_page import write_search_page
from tests.scripts.pages.parsed_page import Page
from tests.storage.archives import write_tar


class Answer(NamedTuple):
    """What `tb-search` hands over."""

    query: str
    is_picture: bool
    finds_pictures: bool
    answers: list[tuple[float, str]]
    names: dict


HOSTILE = """<script>alert("x")</script> & {braces} 'quoted'"""


@pytest.fixture
def written(tmp_path):
    pictures = {"a.png": b"png bytes", 'b"<i>&.jpg': b"jpeg bytes", "c.GIF": b"gif bytes"}
    for name, content in pictures.items():
        (tmp_path / name).write_bytes(content)
    paths = [str(tmp_path / name) for name in pictures]
    results = [
        Answer(HOSTILE, False, True, [(0.91234, paths[0]), (0.5, paths[1])], {}),
        Answer(paths[2], True, False, [(0.25, HOSTILE), (-0.125, "ein Käfer 犬")], {}),
    ]
    write_search_page(tmp_path / "pages" / "found.html", results)
    return tmp_path / "pages", Page((tmp_path / "pages" / "found.html").read_text("utf-8"))


def test_pictures_are_embedded(written):
    kinds, contents = zip(*(p["src"].split(";base64,") for p in written[1].all("img")))
    assert kinds == ("data:image/png", "data:image/jpeg", "data:image/gif")
    assert [base64.b64decode(content) for content in contents] == [
        b"png bytes",
        b"jpeg bytes",
        b"gif bytes",
    ]
    assert [p["alt"] for p in written[1].all("img")] == ["a.png", 'b"<i>&.jpg', "c.GIF"]


def test_members_of_an_archive_are_embedded(tmp_path):
    path = f"{write_tar(tmp_path / '0.tar', [('b/a.jpg', b'jpeg bytes')])}::b/a.jpg"
    write_search_page(tmp_path / "found.html", [Answer("a", False, True, [(0.5, path)], {})])
    (picture,) = Page((tmp_path / "found.html").read_text("utf-8")).all("img")
    kind, content = picture["src"].split(";base64,")
    assert (kind, base64.b64decode(content)) == ("data:image/jpeg", b"jpeg bytes")
    assert picture["alt"] == "a.jpg"


def test_texts_are_escaped(written):
    _, page = written
    assert not page.all("script")
    assert not page.all("i")
    assert page.text["h2"] == [HOSTILE]  # as a query
    assert page.text["li"] == [HOSTILE, "ein Käfer 犬"]  # as answers


def test_queries_and_scores_in_order(written):
    _, page = written
    assert len(page.all("section")) == 2
    assert len(page.all("li")) == 4
    assert [text for text in page.text["small"] if text.lstrip("-")[:2] == "0."] == [
        "0.912",
        "0.500",
        "0.250",
        "-0.125",
    ]


def test_nothing_else_is_left(written):
    assert [path.name for path in written[0].iterdir()] == ["found.html"]
