"""Tests of the figures of two stages against whole orders, sorted query by query."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import reranked_retrieval_metrics, retrieval_metrics

MATCH, IGNORED, NEGATIVE = 1, 2, 0
KS = (1, 2, 3)


def candidates_of(first, count):
    """The candidates of highest score; the lower row of equal ones."""
    return np.argsort(-first, axis=1, kind="stable")[:, :count]


def rank(first, second, candidates, kinds):
    """The rank of one query: what stands before its best match, in a list of all others.

    Candidates stand before all others; a negative stands before a match of the same score.
    """
    stage = np.isin(np.arange(len(first)), candidates)
    scores = np.where(stage, second, first)
    order = np.lexsort((kinds == MATCH, -scores, ~stage))
    ranked = [kind for kind in kinds[order] if kind != IGNORED]
    return 1 + ranked.index(MATCH) if MATCH in ranked else 0


def figures(ranks):
    found = np.array([r for r in ranks if r])
    return [100 * np.mean(found <= k) if len(found) else np.nan for k in KS]


@st.composite
def cases(draw):
    n, m, dim = draw(st.integers(1, 7)), draw(st.integers(1, 8)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0, 1, 0]]))
    kinds = rng.choice([NEGATIVE, MATCH, IGNORED], (n, m), p=share)
    images, texts = (rng.integers(-2, 3, (size, dim)) for size in (n, m))
    return rng, kinds, images, texts, draw(st.integers(1, 9))


@given(cases())
def test_against_sorted_lists(case):
    """Small whole numbers, so that both stages have many ties."""
    rng, kinds, images, texts, count = case
    first = images @ texts.T
    seconds = [
        rng.integers(-2, 3, shape).astype("float32") for shape in (first.shape, first.T.shape)
    ]
    expected, given_candidates = [], []
    for one, second, kind in zip((first, first.T), seconds, (kinds, kinds.T)):
        rows = candidates_of(one, count)
        given_candidates.append((rows, np.take_along_axis(second, rows, axis=1)))
        expected += figures(map(rank, one, second, rows, kind))
    matches = Matches(
        np.argwhere(kinds == MATCH), *kinds.shape, ignored=np.argwhere(kinds == IGNORED)
    )
    found = reranked_retrieval_metrics(images, texts, matches, *given_candidates, ks=KS)
    np.testing.assert_allclose(
        [found[f"{d}_recall@{k}"] for d in ("i2t", "t2i") for k in KS], expected
    )
    if not np.isnan(expected).any():
        assert found["rsum"] == pytest.approx(sum(expected))


def test_the_order_of_the_first_stage_changes_nothing():
    rng = np.random.default_rng(0)
    image_of = np.repeat(np.arange(40), 3)
    images = rng.normal(size=(40, 8))
    texts = images[image_of] + 2 * rng.normal(size=(120, 8))
    scores = images @ texts.T
    candidates = []
    for one in (scores, scores.T):
        rows = candidates_of(one, 7)
        candidates.append((rows, np.take_along_axis(one, rows, axis=1)))
    found = reranked_retrieval_metrics(images, texts, image_of, *candidates)
    assert found == retrieval_metrics(images, texts, image_of)
    assert found["t2i_mean_rank"] > 5


ROWS, SCORES = [[0, 1], [1, 0]], [[0.9, 0.1], [0.9, 0.1]]


@pytest.mark.parametrize(
    ("rows", "scores", "message"),
    [
        (ROWS, [[0.9], [0.1]], r"`text_candidates` must be .*\(2, c\).*\(2, 2\) and \(2, 1\)"),
        (ROWS[:1], SCORES[:1], r"`text_candidates` must be .*\(2, c\).*\(1, 2\)"),
        ([[0, 1], [2, 0]], SCORES, r"`text_candidates` must hold rows in \[0, 2\). Received: 2"),
        ([[0, 1], [-1, 0]], SCORES, r"`text_candidates` must hold rows in \[0, 2\). Received: -1"),
        (ROWS, [[np.nan, 1], [0, 1]], "scores of candidates must not hold NaN"),
    ],
)
def test_wrong_candidates(rows, scores, message):
    with pytest.raises(ValueError, match=message):
        reranked_retrieval_metrics(np.eye(2), np.eye(2), [0, 1], (ROWS, SCORES), (rows, scores))
