"""Tests of the paired bootstrap over pictures, against the metrics and drawn samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import paired_difference, retrieval_hits, retrieval_metrics
from tb_keras.evaluation.picture_bootstrap import figure_of_hits


def embeddings(seed, n=30, m=50):
    rng = np.random.default_rng(seed)
    related = rng.random((n, m)) < 0.04  # some without a match, some with several
    related[0, 0] = True
    images, texts = (rng.normal(size=(rows, 4)).astype("float32") for rows in (n, m))
    return images, texts, Matches.of(related)


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=25)
def test_the_hits_add_up_to_rsum(seed):
    found = retrieval_hits(*embeddings(seed))
    assert len(found) == 30
    assert figure_of_hits(found) == pytest.approx(retrieval_metrics(*embeddings(seed))["rsum"])


def test_a_weight_is_as_many_pictures():
    counts = np.random.default_rng(0).integers(1, 9, (5, 4))
    weights = np.array([[0, 2, 1, 0, 3], [1, 1, 1, 1, 1]])
    expected = [figure_of_hits(np.repeat(counts, row, axis=0)) for row in weights]
    np.testing.assert_allclose(figure_of_hits(counts, weights), expected)


def test_the_error_is_the_spread_over_other_pictures():
    """Of 400 pictures drawn again and again, with hits that the two methods have in common."""
    rng = np.random.default_rng(0)

    def drawn():
        both = rng.random(400) < 0.5
        hits = [3 * (both | (rng.random(400) < share)) for share in (0.2, 0.1)]
        return [np.stack([np.ones(400), hit, np.ones(400), hit], axis=1) for hit in hits]

    samples = [drawn() for _ in range(2000)]
    spread = np.std([figure_of_hits(one) - figure_of_hits(other) for one, other in samples])
    errors = [paired_difference([one], [other]).error for one, other in samples[:20]]
    assert np.mean(errors) == pytest.approx(spread, rel=0.1)
    alone = np.hypot(*(np.std([figure_of_hits(pair[side]) for pair in samples]) for side in (0, 1)))
    assert spread < 0.8 * alone  # paired
    truth = np.mean([figure_of_hits(one) - figure_of_hits(other) for one, other in samples])
    found = [paired_difference([one], [other]) for one, other in samples[:200]]
    assert 0.9 < np.mean([one.low <= truth <= one.high for one in found]) < 0.99


def test_seeds_are_averaged_first():
    one, other = (np.array(retrieval_hits(*embeddings(seed))) for seed in (0, 0))
    worse = one * [1, 0, 1, 0]
    found = paired_difference([one, worse], [other])
    assert found == paired_difference([(one + worse) / 2], [other])
    assert found.difference == pytest.approx(paired_difference([worse], [other]).difference / 2)
    assert found.low < found.difference < found.high < 0 < found.error
