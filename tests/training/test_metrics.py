"""Tests of the figures of a network, both networks and both tasks, against plain loops."""

import sys

import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.evaluation.picture_bootstrap import figure_of_hits
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork, pair_scorer
from tb_keras.training import network_metrics
from tb_keras.training.metrics import (
    embedded_corpus,
    embedding_hits,
    embedding_metrics,
    headline_metric,
)
from tests.evaluation.localization import localization_oracle
from tests.training.toy_corpora import localization_corpus, retrieval_corpus

# The function hides the module of its name.
module = sys.modules[network_metrics.__module__]

NETWORKS = {
    "embedding": lambda: EmbeddingNetwork(7, 7, hidden_dim=16, embedding_dim=5),
    "similarity": lambda: SimilarityNetwork(
        7, 7, hidden_dim=16, embedding_dim=5, joint_dims=(9, 4)
    ),
}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return NETWORKS[request.param]()


def all_scores(network, corpus):
    """(n, m): by a call of the network itself on pairs of features."""
    images, texts = corpus.image_features, corpus.text_features
    image = np.repeat(np.arange(len(images)), len(texts))
    text = np.tile(np.arange(len(texts)), len(images))
    outputs = network({"image": images[image], "text": texts[text]}, training=False)
    if isinstance(outputs, dict):
        scores = (outputs["image"].numpy() * outputs["text"].numpy()).sum(axis=1)
    else:
        scores = outputs.numpy()
    return scores.reshape(len(images), len(texts))


def retrieval_figures(scores, matches, ks):
    """Rank 1 + the number of candidates that do not match and score as high as the best match."""
    matching = np.zeros(scores.shape, bool)
    matching[tuple(matches.pairs.T)] = True
    figures, recalls = {}, []
    for direction, rows, hits in (("i2t", scores, matching), ("t2i", scores.T, matching.T)):
        ranks = [
            1 + sum(s >= row[right].max() for s, h in zip(row, right) if not h)
            for row, right in zip(rows, hits)
            if right.any()
        ]
        for k in ks:
            figures[f"{direction}_recall@{k}"] = 100 * np.mean([rank <= k for rank in ranks])
            recalls.append(figures[f"{direction}_recall@{k}"])
        figures[f"{direction}_median_rank"] = np.median(ranks)
        figures[f"{direction}_mean_rank"] = np.mean(ranks)
        figures[f"{direction}_mrr"] = 100 * np.mean([1 / rank for rank in ranks])
        figures[f"{direction}_queries"] = len(ranks)
    return {**figures, "rsum": sum(recalls), "mean_recall": np.mean(recalls)}


def test_retrieval(network):
    corpus = retrieval_corpus(9, seed=0)
    expected = retrieval_figures(all_scores(network, corpus), corpus.matches, (1, 3))
    assert 1 < expected["i2t_mean_rank"] < corpus.num_texts
    found = network_metrics(network, corpus, ks=(1, 3))
    assert 0 < found.pop("rsum_error") < 100
    assert found == pytest.approx(expected)
    hits = embedding_hits(network, embedded_corpus(network, corpus))
    rsum = network_metrics(network, corpus)["rsum"]
    assert float(figure_of_hits(hits)) == pytest.approx(rsum)


def test_localization(network):
    corpus = localization_corpus(6, seed=0)
    # Regions and phrases of different numbers in a picture, in no order; one phrase has no box.
    rng = np.random.default_rng(1)
    corpus = corpus.subset(rng.permutation(48)[:41], rng.permutation(24)[:21])
    grounding = corpus.grounding
    grounding.phrase_boxes[3] = np.nan
    scores = all_scores(network, corpus)
    rows = [np.flatnonzero(grounding.region_pictures == p) for p in grounding.phrase_pictures]
    expected = localization_oracle.figures(
        [scores[regions, phrase] for phrase, regions in enumerate(rows)],
        [grounding.region_boxes[regions] for regions in rows],
        grounding.phrase_boxes,
        0.5,
        (1, 3),
    )
    assert 0 < expected["recall@1"] < expected["recall@3"]
    assert expected["without_box"] == 1
    found = network_metrics(network, corpus, ks=(1, 3))
    assert 0 < found.pop("recall@1_error") < 100
    assert found == pytest.approx(expected)
    hits = embedding_hits(network, embedded_corpus(network, corpus))
    assert float(figure_of_hits(hits)) == pytest.approx(found["recall@1"])


def test_the_first_ten_are_looked_at_unless_told_otherwise(network):
    names = {f"{d}_recall@{k}" for d in ("i2t", "t2i") for k in (1, 5, 10)}
    assert names <= set(network_metrics(network, retrieval_corpus(3, seed=0)))
    found = network_metrics(network, localization_corpus(2, seed=0))
    assert {f"recall@{k}" for k in (1, 5, 10)} <= set(found)


@pytest.mark.parametrize("held", [False, True])
def test_a_matrix_too_large_to_be_held_is_scored_in_blocks(monkeypatch, held):
    """It is scored twice then, and never as a whole; up to the limit, once."""
    network, corpus = NETWORKS["similarity"](), retrieval_corpus(9, seed=0)
    expected = retrieval_figures(all_scores(network, corpus), corpus.matches, (1, 5, 10))
    pairs = corpus.num_images * corpus.num_texts
    monkeypatch.setattr(module, "_MATRIX_VALUES", pairs if held else pairs - 1)
    monkeypatch.setattr(pair_scorer, "_PAIRS", 2 * corpus.num_texts)
    sizes, fuse = [], SimilarityNetwork.fuse

    def counted(self, images, texts):
        sizes.append(len(images))
        return fuse(self, images, texts)

    monkeypatch.setattr(SimilarityNetwork, "fuse", counted)
    found = network_metrics(network, corpus)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert max(sizes) <= 2 * corpus.num_texts
    assert len(sizes) == (1 if held else 2) * 5  # 9 images, two at a time


def test_parts_of_an_embedded_corpus_have_their_own_figures(network):
    for corpus in (retrieval_corpus(9, seed=0), localization_corpus(4, seed=0)):
        embedded = embedded_corpus(network, corpus)
        assert embedded.image_features.shape == (corpus.num_images, 5)
        assert embedded.text_features.shape == (corpus.num_texts, 5)
        for images in (range(4), range(3, corpus.num_images)):
            expected = network_metrics(network, corpus.subset(images))
            assert embedding_metrics(network, embedded.subset(images)) == pytest.approx(expected)


def test_the_figure_by_which_networks_are_chosen():
    assert headline_metric(Corpus([0, 1])) == "rsum"
    assert headline_metric(localization_corpus(1, seed=0)) == "recall@1"
    for corpus in (retrieval_corpus(3, seed=0), localization_corpus(2, seed=0)):
        assert headline_metric(corpus) in network_metrics(NETWORKS["embedding"](), corpus)
