"""Tests of ranks against the definition, query by query, over blocks of many sizes."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import ranks as ranks_module
from tb_keras.evaluation.ranks import ranks_from_embeddings, ranks_from_scores

MATCH, IGNORED, NEGATIVE = 1, 2, 0


def ranks_by_loops(scores, kinds):
    """1 + the negatives that score at least as high as the best match; 0 without a match."""
    found = []
    for row, kind in zip(scores, kinds):
        best = max((s for s, k in zip(row, kind) if k == MATCH), default=None)
        beaten_by = [s for s, k in zip(row, kind) if k == NEGATIVE and best is not None]
        found.append(0 if best is None else 1 + sum(s >= best for s in beaten_by))
    return found


@st.composite
def relations(draw):
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([[0.8, 0.1, 0.1], [0.5, 0.3, 0.2], [1.0, 0.0, 0.0], [0, 1, 0]]))
    return rng, rng.choice([NEGATIVE, MATCH, IGNORED], (n, m), p=share)


def relation(kinds):
    return Matches(np.argwhere(kinds == MATCH), *kinds.shape, ignored=np.argwhere(kinds == IGNORED))


@given(relations(), st.sampled_from(["float16", "float32", "float64"]), st.integers(1, 7))
def test_ranks_of_scores_in_blocks(case, dtype, block):
    rng, kinds = case
    scores = rng.integers(-3, 4, kinds.shape).astype(dtype)
    if rng.random() < 0.2:
        scores[rng.random(kinds.shape) < 0.2] = -np.inf

    def blocks():
        return (scores[start : start + block] for start in range(0, len(scores), block))

    image_ranks, text_ranks = ranks_from_scores(blocks, relation(kinds))
    assert image_ranks.tolist() == ranks_by_loops(scores, kinds)
    assert text_ranks.tolist() == ranks_by_loops(scores.T, kinds.T)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "bool"])
def test_scores_may_be_whole_numbers(dtype):
    """Counts, votes or labels are scores too; a query without a match is none here either."""
    kinds = np.array([[1, 0, 0], [0, 0, 0], [0, 2, 0]])
    scores = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]]).astype(dtype)
    image_ranks, text_ranks = ranks_from_scores(lambda: [scores], relation(kinds))
    assert image_ranks.tolist() == ranks_by_loops(scores, kinds) == [2, 0, 0]
    assert text_ranks.tolist() == ranks_by_loops(scores.T, kinds.T) == [2, 0, 0]


def test_an_infinite_score_makes_no_query_of_an_image_without_a_match():
    kinds = np.array([[1, 0], [0, 0]])
    scores = np.array([[0.0, np.inf], [np.inf, 0.0]])
    image_ranks, text_ranks = ranks_from_scores(lambda: [scores], relation(kinds))
    assert image_ranks.tolist() == ranks_by_loops(scores, kinds) == [2, 0]
    assert text_ranks.tolist() == ranks_by_loops(scores.T, kinds.T) == [2, 0]


def test_large_whole_numbers_are_compared_exactly():
    scores = 2**53 + np.array([[0, 1, -1]])  # the first two are one number in float64
    image_ranks, text_ranks = ranks_from_scores(lambda: [scores], Matches([(0, 1)], 1, 3))
    assert image_ranks.tolist() == [1]
    assert text_ranks.tolist() == [0, 1, 0]


def test_counts_go_beyond_what_a_byte_holds():
    """Equal scores everywhere: each query's negatives all count against it."""
    n, m = 300, 3000
    scores = np.zeros((n, m), np.float32)
    image_ranks, text_ranks = ranks_from_scores(lambda: [scores], Matches.of(np.arange(m) % n))
    assert set(image_ranks.tolist()) == {1 + m - m // n}
    assert set(text_ranks.tolist()) == {n}


def test_blocks_of_different_types():
    scores = [np.array([[2, 3]], "int8"), np.array([[2.5, 2.5]], "float32")]
    image_ranks, text_ranks = ranks_from_scores(lambda: scores, Matches.of([0, 1]))
    assert image_ranks.tolist() == [2, 2]
    assert text_ranks.tolist() == [2, 2]


@given(relations(), st.integers(1, 4), st.sampled_from([1, 2, 3, 5, 8, 13, 29, 2**24]))
def test_ranks_of_embeddings_in_blocks(case, dim, block):
    """Small whole numbers have exact products, so ties are ties in any order of summation."""
    rng, kinds = case
    images, texts = (rng.integers(-2, 3, (size, dim)).astype("float32") for size in kinds.shape)
    scores = images.astype(int) @ texts.astype(int).T
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks_module, "BLOCK_VALUES", block)
        image_ranks, text_ranks = ranks_from_embeddings(images, texts, relation(kinds))
    assert image_ranks.tolist() == ranks_by_loops(scores, kinds)
    assert text_ranks.tolist() == ranks_by_loops(scores.T, kinds.T)


def test_ranks_of_real_embeddings_are_those_of_an_argsort():
    rng = np.random.default_rng(0)
    image_of = rng.integers(0, 100, 300)
    images, texts = rng.normal(size=(100, 32)), rng.normal(size=(300, 32))
    texts += 0.6 * images[image_of]
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    scores = images @ texts.T
    matches = Matches.of(image_of, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks_module, "BLOCK_VALUES", 300 * 7)
        image_ranks, text_ranks = ranks_from_embeddings(
            images.astype("float32"), texts.astype("float32"), matches
        )
    order = np.argsort(-scores.T, axis=1)
    expected = 1 + np.argmax(order == image_of[:, None], axis=1)
    np.testing.assert_array_equal(text_ranks, expected)
    for i in range(100):
        own = matches.texts_of(i)
        negatives = np.setdiff1d(np.arange(300), own)
        expected = 1 + (scores[i, negatives] >= scores[i, own].max()).sum() if len(own) else 0
        assert image_ranks[i] == expected


@pytest.mark.parametrize("dim", [3, 64, 256, 512, 2048])
def test_collapsed_embeddings_have_the_worst_rank(dim):
    """Equal embeddings tie everywhere, though a product and a sum round each in its own way."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        for vector in (rng.normal(size=dim), 7.3 * rng.random(dim), np.full(dim, rng.random())):
            unit = (vector / np.linalg.norm(rng.random(dim))).astype("float32")
            image_of = np.arange(50) // 2
            image_ranks, text_ranks = ranks_from_embeddings(
                np.tile(unit, (25, 1)), np.tile(unit, (50, 1)), Matches.of(image_of)
            )
            assert set(image_ranks) == {49}
            assert set(text_ranks) == {25}


def test_collapse_to_zero():
    image_ranks, text_ranks = ranks_from_embeddings(
        np.zeros((4, 3), "float32"), np.zeros((4, 3), "float32"), Matches.of(np.arange(4))
    )
    assert set(image_ranks) == set(text_ranks) == {4}


def test_one_long_embedding_does_not_make_ties_of_the_others():
    """What counts as rounding follows from a pair's own lengths, not from the longest anywhere."""
    images = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1e8]], "float32")
    texts = np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], "float32")
    matches = Matches([(0, 0), (1, 1)], 3, 3)
    image_ranks, _ = ranks_from_embeddings(images, texts, matches)
    assert image_ranks.tolist() == [1, 1, 0]


@pytest.mark.parametrize("block", [1, 2, 3])
def test_wrong_blocks_are_named(block):
    scores = np.zeros((3, 4))

    def blocks(scores):
        return lambda: [scores[start : start + block] for start in range(0, len(scores), block)]

    matches = Matches([(0, 0)], 3, 4)
    with pytest.raises(ValueError, match=r"`scores` must have 4 columns. Received: shape="):
        ranks_from_scores(blocks(scores[:, :3]), matches)
    with pytest.raises(ValueError, match=r"`scores` must have 3 rows. Received: 2"):
        ranks_from_scores(blocks(scores[:2]), matches)
    with pytest.raises(ValueError, match=r"`scores` must have 3 rows. Received: 5"):
        ranks_from_scores(blocks(np.zeros((5, 4))), matches)
    scores[2, 1] = math.nan
    with pytest.raises(ValueError, match=r"`scores` must not hold NaN. Received: NaN in row 2"):
        ranks_from_scores(blocks(scores), matches)
