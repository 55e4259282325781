"""Tests of two stages on a corpus: their figures and the weight chosen, against whole matrices."""

import dataclasses

import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork, Reranker, SimilarityNetwork
from tb_keras.training import fit_reranker, network_metrics
from tb_keras.training.metrics import embedded_corpus, embedding_metrics
from tests.evaluation.test_reranked import rank
from tests.training.test_metrics import all_scores
from tests.training.toy_corpora import localization_corpus, retrieval_corpus


@pytest.fixture(scope="module")
def networks():
    sizes = {"image_dim": 7, "text_dim": 7, "hidden_dim": 16, "embedding_dim": 5}
    return EmbeddingNetwork(**sizes), SimilarityNetwork(**sizes, joint_dims=(9, 4))


def recalls(first, second, matches, candidates):
    """By the whole order of each query."""
    kinds = np.zeros(first.shape, int)
    kinds[tuple(matches.pairs.T)] = 1
    found = {}
    for name, one, two, kind in (
        ("i2t", first, second, kinds),
        ("t2i", first.T, second.T, kinds.T),
    ):
        rows = np.argsort(-one, axis=1, kind="stable")[:, :candidates]
        ranks = np.array([rank(*query) for query in zip(one, two, rows, kind)])
        found |= {f"{name}_recall@{k}": 100 * np.mean(ranks <= k) for k in (1, 5, 10)}
    return found


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("candidates", [1, 4, 100])
def test_retrieval(networks, weight, candidates):
    corpus = retrieval_corpus(12, seed=0)
    first, second = (all_scores(network, corpus) for network in networks)
    reranker = Reranker(*networks, candidates, weight, scales=(0.3, 0.7))
    mixed = (1 - weight) * first / 0.3 + weight * second / 0.7
    expected = recalls(first, mixed, corpus.matches, candidates)
    found = network_metrics(reranker, corpus)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert found["rsum"] == pytest.approx(sum(expected.values()))
    if not weight or candidates == 1:
        assert found == pytest.approx(network_metrics(networks[0], corpus))


def test_all_candidates_are_ranked_by_the_second_network_alone(networks):
    corpus = retrieval_corpus(9, seed=1)
    reranker = Reranker(*networks, candidates=18)
    assert network_metrics(reranker, corpus) == pytest.approx(network_metrics(networks[1], corpus))


def test_parts_of_an_embedded_corpus(networks):
    """Both stages of a part have the candidates of that part."""
    corpus, reranker = retrieval_corpus(9, seed=0), Reranker(*networks, 3, 0.5)
    part = embedded_corpus(reranker, corpus).subset(range(4))
    expected = network_metrics(reranker, corpus.subset(range(4)))
    assert embedding_metrics(reranker, part) == pytest.approx(expected)


def test_all_regions_of_a_picture_are_candidates(networks):
    corpus = localization_corpus(5, seed=0)
    for weight, network in ((0.0, networks[0]), (1.0, networks[1])):
        reranker = Reranker(*networks, candidates=1, weight=weight)
        assert network_metrics(reranker, corpus) == network_metrics(network, corpus)


def test_the_weight_is_that_of_the_best_figure(networks):
    corpus = retrieval_corpus(15, seed=3)
    fitted = fit_reranker(*networks, corpus, candidates=6)
    first, second = (all_scores(network, corpus) for network in networks)
    pairs = []
    for scores, others in ((first, second), (first.T, second.T)):
        rows = np.argsort(-scores, axis=1, kind="stable")[:, :6]
        pairs += [np.take_along_axis(s, rows, axis=1).ravel() for s in (scores, others)]
    spreads = np.std(np.concatenate(pairs[::2])), np.std(np.concatenate(pairs[1::2]))
    assert fitted.scales == pytest.approx(spreads, rel=1e-4)
    figures = []
    for weight in np.arange(11) / 10:
        mixed = (1 - weight) * first / spreads[0] + weight * second / spreads[1]
        figures.append(sum(recalls(first, mixed, corpus.matches, 6).values()))
    assert len(set(figures)) > 2
    assert fitted.weight == np.argmax(figures) / 10
    assert network_metrics(fitted, corpus)["rsum"] == pytest.approx(max(figures))
    assert (fitted.first, fitted.second, fitted.candidates) == (*networks, 6)


def test_the_weight_to_localize_is_that_of_the_best_recall(networks):
    corpus = localization_corpus(5, seed=0)
    fitted = fit_reranker(*networks, corpus)
    figures = [
        network_metrics(dataclasses.replace(fitted, weight=step / 10), corpus)["recall@1"]
        for step in range(11)
    ]
    assert fitted.weight == np.argmax(figures) / 10
    assert len(set(figures)) > 1


def test_the_lowest_of_equally_good_weights_is_taken(networks):
    corpus = retrieval_corpus(1, seed=0)
    assert fit_reranker(*networks, corpus, weights=(0.8, 0.2, 0.5)).weight == 0.2


def test_no_weight(networks):
    with pytest.raises(ValueError, match="`weights` must hold at least one"):
        fit_reranker(*networks, retrieval_corpus(3, seed=0), weights=())


def test_a_bar(networks, capfd):
    fit_reranker(*networks, retrieval_corpus(3, seed=0), candidates=2)
    assert capfd.readouterr() == ("", "")
    fit_reranker(*networks, retrieval_corpus(3, seed=0), candidates=2, verbose=True)
    assert "18/18" in capfd.readouterr().out  # 3 images and 6 texts with two candidates each


def test_scores_that_are_no_numbers(networks):
    """A comparison with NaN is false, so a network that diverged would look like a perfect one."""
    similarity = SimilarityNetwork(7, 7, hidden_dim=16, embedding_dim=5, joint_dims=(9, 4))
    similarity.fusion.get_layer("score").bias.assign([np.nan])
    with pytest.raises(ValueError, match="scores of candidates must not hold NaN"):
        network_metrics(Reranker(networks[0], similarity), retrieval_corpus(3, seed=0))
