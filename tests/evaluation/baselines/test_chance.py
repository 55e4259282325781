"""Tests of chance against the hypergeometric expectation."""

from math import comb

import numpy as np
import pytest

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import retrieval_metrics_from_scores
from tb_keras.evaluation.baselines import chance as module
from tb_keras.evaluation.baselines.chance import chance_metrics


def expected_recall(candidates, matching, k):
    """Percent of random orders with one of the matching candidates among the first k."""
    return 100 * (1 - comb(candidates - matching, k) / comb(candidates, k))


@pytest.mark.parametrize(("num_images", "texts_per_image"), [(80, 1), (60, 5)])
def test_recalls_are_those_of_random_orders(num_images, texts_per_image):
    matches = Matches.of(np.repeat(np.arange(num_images), texts_per_image))
    metrics = chance_metrics(matches, ks=(1, 5, 10))
    for k in (1, 5, 10):
        # Four standard errors of 20 draws of as many queries, were they independent.
        for name, queries, candidates, matching in (
            ("i2t", num_images, num_images * texts_per_image, texts_per_image),
            ("t2i", num_images * texts_per_image, num_images, 1),
        ):
            share = expected_recall(candidates, matching, k)
            error = 4 * (share * (100 - share) / (20 * queries)) ** 0.5
            assert abs(metrics[f"{name}_recall@{k}"] - share) < error
    mean_rank = (num_images + 1) / 2
    assert metrics["t2i_mean_rank"] == pytest.approx(mean_rank, rel=0.05)


def test_figures_are_those_of_retrieval_metrics():
    matches = Matches.of(np.array([0, 0, 1, 2]))
    metrics = chance_metrics(matches, ks=(1, 2))
    others = retrieval_metrics_from_scores(np.zeros((3, 4)), matches, ks=(1, 2))
    assert list(metrics) == list(others)
    assert all(type(value) is float for value in metrics.values())
    assert metrics["i2t_queries"] == 3
    assert metrics["t2i_queries"] == 4
    recalls = [value for name, value in metrics.items() if "_recall@" in name]
    assert metrics["rsum"] == pytest.approx(sum(recalls))


def test_the_seed_makes_the_draws():
    matches = Matches.of(np.arange(30))
    assert chance_metrics(matches, seed=1) == chance_metrics(matches, seed=1)
    assert chance_metrics(matches, seed=1) != chance_metrics(matches, seed=2)


@pytest.mark.parametrize("values", [1, 50, 2**24])
def test_memory_is_that_of_a_block_and_the_draws_are_of_one_matrix(monkeypatch, values):
    monkeypatch.setattr(module, "BLOCK_VALUES", values)
    matches = Matches.of(np.repeat(np.arange(7), 3))
    rng = np.random.default_rng(4)
    draws = [
        retrieval_metrics_from_scores(rng.random((7, 21), np.float32), matches) for _ in range(20)
    ]
    expected = {name: np.mean([draw[name] for draw in draws]) for name in draws[0]}
    sizes = []

    def sized(blocks, *rest):
        sizes.extend(block.size for block in blocks())
        return retrieval_metrics_from_scores(blocks, *rest)

    monkeypatch.setattr(module, "retrieval_metrics_from_scores", sized)
    assert chance_metrics(matches, seed=4) == pytest.approx(expected, abs=0, nan_ok=True)
    assert max(sizes) <= max(values, 21)
