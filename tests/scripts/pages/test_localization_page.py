"""Tests of the page of predicted and true boxes: whole in one file, no phrase taken as HTML."""

import base64
import io

import numpy as np
import pytest

pytest.importorskip("PIL")

from PIL import Image, ImageColor

from tb_keras import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.scripts.pages.localization_page import best_regions, write_localization_page
from tb_keras.training.recipes.recipe import NETWORKS
from tests.scripts.pages.parsed_page import Page

HOSTILE = """<script>alert("x")</script> & {braces} 'quoted'"""
TRUE, EMBEDDING, SIMILARITY = "#118833", "#1144dd", "#dd5500"


class Scores:
    """A network by its scores of all regions with all phrases."""

    def __init__(self, scores):
        self.scores = np.asarray(scores, np.float32)

    def score_pairs(self, images, texts, image_rows, text_rows):
        return self.scores[image_rows, text_rows]


class TrainedRun:
    """The part of a run that the page asks for."""

    def __init__(self, **networks):
        self.trained = networks

    def networks(self):
        return list(self.trained)

    def best_seed(self, network):
        return {"embedding": 3, "similarity": 5, "cca": 0}[network]

    def network(self, network, seed):
        assert seed == self.best_seed(network)
        return self.trained[network]


@pytest.fixture
def corpus(tmp_path):
    """Picture 0 without a phrase, 1 with three (one without a box), 2 without a region."""
    sizes = {"a.png": (640, 480), "b.jpg": (300, 220), "c.unknown": (50, 60)}
    for name, size in sizes.items():
        Image.new("RGB", size, "white").save(tmp_path / name, "JPEG" if "jpg" in name else "PNG")
    grounding = Grounding(
        [str(tmp_path / name) for name in sizes],
        list(sizes.values()),
        region_pictures=[1, 0, 1, 1],
        region_boxes=[[0, 0, 100, 100], [9, 9, 20, 20], [50, 0, 100, 100], [200, 100, 300.25, 200]],
        phrase_pictures=[1, 2, 1, 1],
        phrase_boxes=[[0, 0, 100, 100], [1, 1, 9, 9], [np.nan] * 4, [200, 100, 300.25, 150]],
    )
    texts = [HOSTILE, "nothing there", "no box", "ein Käfer 犬"]
    features = {"image_features": np.zeros((4, 2)), "text_features": np.zeros((4, 2))}
    return Corpus(grounding.matches_by_iou(), texts=texts, grounding=grounding, **features)


# Rows are regions, columns phrases; region 1 is of another picture and must never win.
FIRST = [[0.9, 0, 0.1, -0.75], [9, 9, 9, 9], [0.2, 0, 0.3, -0.5], [0.1, 0, 0.2, -0.25]]
SECOND = [[-5, 0, 0.5, 0], [9, 9, 9, 9], [-4, 0, 0.3, -1], [-6, 0, 0.2, -2]]


@pytest.fixture
def written(corpus, tmp_path):
    run = TrainedRun(embedding=Scores(FIRST), similarity=Scores(SECOND))
    write_localization_page(tmp_path / "pages" / "boxes.html", run, corpus)
    assert [path.name for path in (tmp_path / "pages").iterdir()] == ["boxes.html"]
    return Page((tmp_path / "pages" / "boxes.html").read_text("utf-8"))


def test_best_regions_are_of_the_phrases_picture(corpus):
    assert best_regions(Scores(FIRST), corpus).tolist() == [0, -1, 2, 3]
    assert best_regions(Scores(SECOND), corpus).tolist() == [2, -1, 0, 0]


def test_best_regions_equal_a_search_one_by_one():
    random = np.random.default_rng(0)
    regions, phrases = random.integers(0, 6, 40), random.integers(0, 6, 30)
    corners = np.sort(random.uniform(0, 9, (70, 2, 2)), axis=1).reshape(70, 4)
    grounding = Grounding(["x"] * 6, [[9, 9]] * 6, regions, corners[:40], phrases, corners[40:])
    corpus = Corpus(
        grounding.matches_by_iou(),
        image_features=np.zeros((40, 1)),
        text_features=np.zeros((30, 1)),
        grounding=grounding,
    )
    scores = random.normal(size=(40, 30)).astype("float32")
    expected = [
        max((r for r in range(40) if regions[r] == phrases[p]), key=lambda r, p=p: scores[r, p])
        for p in range(30)
    ]
    assert best_regions(Scores(scores), corpus).tolist() == expected


def images(page):
    """The pictures of a page as arrays, after a check of their kind."""
    opened = []
    for image in page.all("img"):
        kind, content = image["src"].split(";base64,")
        assert kind == "data:image/jpeg"
        with Image.open(io.BytesIO(base64.b64decode(content))) as decoded:
            assert decoded.format == "JPEG"
            opened.append(np.asarray(decoded).astype(int))
    return opened


def has_color(pixels, color):
    return np.abs(pixels - ImageColor.getrgb(color)).max(axis=-1) < 50


def test_a_picture_for_each_phrase(written):
    sizes = [pixels.shape for pixels in images(written)]
    assert sizes == [(220, 300, 3)] * 3 + [(7 * 60, 7 * 50, 3)]  # enlarged where it is small


# For each phrase the boxes drawn, and so far inside each line no later one covers it.
DRAWN = [
    [(TRUE, 7, 0, 0, 100, 100), (EMBEDDING, 4, 0, 0, 100, 100), (SIMILARITY, 1, 50, 0, 100, 100)],
    # without a box
    [(EMBEDDING, 4, 50, 0, 100, 100), (SIMILARITY, 1, 0, 0, 100, 100)],
    [
        (TRUE, 7, 200, 100, 300, 150),
        (EMBEDDING, 4, 200, 100, 300, 200),
        (SIMILARITY, 1, 0, 0, 100, 100),
    ],
    # of the picture without a region
    [(TRUE, 7, 7, 7, 63, 63)],
]


def test_boxes_in_the_colours_of_the_legend(written):
    for pixels, drawn in zip(images(written), DRAWN, strict=True):
        for color, inside, left, top, right, bottom in drawn:
            found = has_color(pixels, color)
            x, y = int(0.7 * left + 0.3 * right), int(0.7 * top + 0.3 * bottom)
            right = min(right, pixels.shape[1] - 1)
            for column in (left + inside, right - inside):
                assert found[y, column], (color, column)
            for row in (top + inside, bottom - inside):
                assert found[row, x], (color, row)
        for color in {TRUE, EMBEDDING, SIMILARITY} - {color for color, *_ in drawn}:
            assert not has_color(pixels, color).any()
    legend = dict(zip(written.text["b"], (b["style"] for b in written.all("b"))))
    assert legend == {
        "true box": f"color:{TRUE}",
        "embedding network": f"color:{EMBEDDING}",
        "similarity network": f"color:{SIMILARITY}",
    }


def test_phrases_are_escaped_and_have_their_overlaps(written):
    assert not written.all("script")
    assert written.text["figcaption"] == [HOSTILE, "no box", "ein Käfer 犬", "nothing there"]
    assert written.text["small"] == [
        "embedding 1.00, similarity 0.50",
        "embedding, similarity",
        "embedding 0.50, similarity 0.00",
        "embedding: no region, similarity: no region",
    ]


def test_a_run_of_one_network(corpus, tmp_path):
    write_localization_page(tmp_path / "boxes.html", TrainedRun(embedding=Scores(FIRST)), corpus)
    page = Page((tmp_path / "boxes.html").read_text("utf-8"))
    assert page.text["b"] == ["true box", "embedding network"]
    assert not any(has_color(pixels, SIMILARITY).any() for pixels in images(page))


def test_every_kind_of_network_has_a_line(corpus, tmp_path):
    run = TrainedRun(**{name: Scores(FIRST) for name in NETWORKS})
    write_localization_page(tmp_path / "boxes.html", run, corpus)
    page = Page((tmp_path / "boxes.html").read_text("utf-8"))
    colors = [b["style"].removeprefix("color:") for b in page.all("b")]
    assert len(set(colors)) == 4
    for color in colors:  # all four boxes of the first phrase are equal
        assert has_color(images(page)[0], color).any()


def test_only_some_pictures_and_phrases_are_shown(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    pictures, phrases = 40, np.repeat(np.arange(40), 6)
    grounding = Grounding(
        [str(tmp_path / "a.png")] * pictures,
        [[9, 9]] * pictures,
        region_pictures=np.arange(pictures),
        region_boxes=[[0, 0, 9, 9]] * pictures,
        phrase_pictures=phrases,
        phrase_boxes=[[0, 0, 9, 9]] * len(phrases),
    )
    corpus = Corpus(
        grounding.matches_by_iou(),
        texts=[f"phrase {row}" for row in range(len(phrases))],
        image_features=np.zeros((pictures, 1)),
        text_features=np.zeros((len(phrases), 1)),
        grounding=grounding,
    )
    scores = Scores(np.zeros((pictures, len(phrases))))
    write_localization_page(tmp_path / "boxes.html", TrainedRun(embedding=scores), corpus)
    page = Page((tmp_path / "boxes.html").read_text("utf-8"))
    assert len(page.all("section")) == 16
    assert len(page.all("img")) == 16 * 4
    captions = [f"phrase {6 * picture + row}" for picture in range(16) for row in range(4)]
    assert page.text["figcaption"] == captions
