"""Tests of the page of the worst queries and hubs, against loops, and of what it shows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("jinja2")
pytest.importorskip("matplotlib")

from PIL import Image

from tb_keras import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.scripts.pages.retrieval_page import hubs, worst_queries, write_retrieval_page
from tests.scripts.pages.parsed_page import Page

HOSTILE = """<script>alert("x")</script> & {{ braces }} 'quoted'"""


class Features:
    """A network whose embeddings are the features."""

    embed_images = embed_texts = staticmethod(lambda features: np.asarray(features, "float32"))


class TrainedRun:
    """The part of a run that the page asks for."""

    name = "mine"

    def __init__(self, directory, *networks):
        self.directory, self.trained = directory, networks or ("embedding",)
        (directory / "embedding" / "seed-4").mkdir(parents=True)
        lines = "epoch,loss,val_rsum\n0,1.0,200\n1,0.5,210.5\n"
        (directory / "embedding" / "seed-4" / "history.csv").write_text(lines)

    def networks(self):
        return list(self.trained)

    def best_seed(self, network):
        return 4

    def network(self, network, seed):
        return Features()

    def results(self, network):
        return [{"seed": 4, "monitor": "val_rsum"}]

    def seed_directory(self, network, seed):
        return self.directory / network / f"seed-{seed}"


@pytest.fixture
def corpus(tmp_path):
    """Text 0 is nearest to picture 2, and so are texts 1 and 3; it belongs to picture 0."""
    paths = []
    for number in range(3):
        paths.append(str(tmp_path / f"{number}.png"))
        Image.new("RGB", (40, 20), "white").save(paths[-1])
    texts = [HOSTILE, "a dog", "a cat", "ein Käfer 犬"]
    features = {
        "image_features": np.eye(3),
        "text_features": [[0.5, 0.1, 0.9], [0.1, 0.2, 0.9], [0, 0, 1], [0.2, 0.3, 0.9]],
    }
    features = {name: np.array(values) for name, values in features.items()}
    return Corpus(Matches.of([0, 1, 2, 1], 3), image_paths=paths, texts=texts, **features)


def test_what_was_found_late_and_what_comes_first_too_often(corpus, tmp_path):
    write_retrieval_page(tmp_path / "page.html", TrainedRun(tmp_path / "run"), corpus, "test")
    page = Page((tmp_path / "page.html").read_text("utf-8"))
    assert not page.all("script")
    cells = page.text["td"]
    # Texts 0, 1 and 3 have their picture in place two, after picture 2, a hub for all three.
    assert cells[:6] == [HOSTILE, "2", "a dog", "2", "ein Käfer 犬", "2"]
    assert "3 of 4 texts" in cells
    assert page.text["h1"] == ["Retrieval: mine"]
    (curve,) = (image["src"] for image in page.all("img") if "class" in image)
    assert curve.startswith("data:image/svg+xml;base64,")


def test_without_a_network_that_embeds(corpus, tmp_path):
    run = TrainedRun(tmp_path / "run", "similarity")
    with pytest.raises(ValueError, match="--html needs pictures, texts and a network that embeds"):
        write_retrieval_page(tmp_path / "page.html", run, corpus, "test")
    assert not (tmp_path / "page.html").exists()


@given(st.integers(0, 2**32 - 1))
def test_queries_and_hubs_are_those_of_loops(seed):
    rng = np.random.default_rng(seed)
    queries, answers = rng.integers(1, 30, 2)
    related = rng.random((queries, answers)) < 0.2
    matches = Matches.of(related)
    ranks = np.where(related.any(axis=1), rng.integers(1, 5, queries), 0)
    first = rng.integers(0, answers, queries)
    worst = worst_queries(ranks, first[:, None], matches)
    expected = sorted((-r, q) for q, r in enumerate(ranks) if r > 1)[:12]
    assert [(-query.rank, query.row) for query in worst] == expected
    for query in worst:
        assert query.found == [first[query.row]]
        assert query.matches == np.flatnonzero(related[query.row])[:5].tolist()
    wrong = [
        [q for q in range(queries) if first[q] == answer and not related[q, answer]]
        for answer in range(answers)
    ]
    most = sorted((-len(of), a) for a, of in enumerate(wrong) if len(of) > 1)[:6]
    assert [(-hub.times, hub.row) for hub in hubs(first, matches)] == most
    assert all(hub.queries == wrong[hub.row][:3] for hub in hubs(first, matches))
