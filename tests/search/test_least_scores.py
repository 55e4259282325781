"""Tests of the lowest score of a wanted precision, against loops over all scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.search import least_score


def answered(scores, kinds):
    """(score, right) of each text's first answer: among all images, and without its matches."""
    found, without = [], []
    for column, kind in zip(scores.T, kinds.T):
        if not (kind == 1).any():
            continue
        candidates = [(-s, row) for row, s in enumerate(column) if kind[row] != 2]
        score, row = min(candidates)
        found.append((-score, kind[row] == 1))
        negatives = [s for s, k in zip(column, kind) if k == 0]
        without.append((max(negatives, default=-np.inf), False))
    return found, without


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.3, 0.5, 0.8, 1.0]))
def test_it_is_the_lowest_of_all_scores_that_do(seed, precision):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(1, 7), rng.integers(1, 12)
    images, texts = rng.integers(-2, 3, (n, 3)), rng.integers(-2, 3, (m, 3))  # ties are common
    kinds = rng.choice([0, 1, 2], (n, m), p=[0.6, 0.3, 0.1])
    kinds[0, 0] = 1
    matches = Matches(np.argwhere(kinds == 1), n, m, ignored=np.argwhere(kinds == 2))
    found, without = answered(images @ texts.T, kinds)
    good = []
    for score in {s for s, _ in found + without if np.isfinite(s)}:
        kept = [right for s, right in found + without if s >= score]
        if np.mean(kept) >= precision:
            good.append((score, np.mean(kept)))
    result = least_score(images, texts, matches, precision)
    if not good:
        assert result.score == np.inf
        assert (result.found, result.refused) == (0.0, 1.0)
        return
    score, share = min(good)
    assert result.score == score
    assert result.precision == pytest.approx(share)
    assert result.found == pytest.approx(np.mean([s >= score and right for s, right in found]))
    assert result.refused == pytest.approx(np.mean([s < score for s, _ in without]))


def test_errors():
    with pytest.raises(ValueError, match="`precision` must be in"):
        least_score(np.eye(2), np.eye(2), [0, 1], 0.0)
    with pytest.raises(ValueError, match="`matches` must have some"):
        least_score(np.eye(2), np.eye(2), Matches([], 2, 2), 0.5)
