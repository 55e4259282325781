"""Tests of the retrieval metrics against sorting and loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import ranks as ranks_module
from tb_keras.evaluation import retrieval_metrics, retrieval_metrics_from_scores

MATCH, IGNORED, NEGATIVE = 1, 2, 0


def metrics_by_sorting(scores, kinds, ks):
    """Ranks each query's candidates in full: by score, and in a tie the matches last."""
    found, recalls = {}, []
    for direction, rows, row_kinds in (("i2t", scores, kinds), ("t2i", scores.T, kinds.T)):
        ranks = []
        for row, kind in zip(rows, row_kinds):
            if MATCH not in kind:
                continue
            candidates = [(-s, k == MATCH) for s, k in zip(row, kind) if k != IGNORED]
            candidates.sort()
            ranks.append(1 + [is_match for _, is_match in candidates].index(True))
        ranks.sort()
        for k in ks:
            hits = sum(rank <= k for rank in ranks)
            found[f"{direction}_recall@{k}"] = 100 * hits / len(ranks) if ranks else math.nan
            recalls.append(found[f"{direction}_recall@{k}"])
        half = len(ranks) // 2
        middle = ranks[half : half + 1] if len(ranks) % 2 else ranks[half - 1 : half + 1]
        found[f"{direction}_median_rank"] = sum(middle) / len(middle) if ranks else math.nan
        found[f"{direction}_mean_rank"] = sum(ranks) / len(ranks) if ranks else math.nan
        inverse = sum(1 / rank for rank in ranks)
        found[f"{direction}_mrr"] = 100 * inverse / len(ranks) if ranks else math.nan
        found[f"{direction}_queries"] = len(ranks)
    return {**found, "rsum": sum(recalls), "mean_recall": sum(recalls) / len(recalls)}


def assert_equal(found, expected):
    """The error has tests of its own, with the bootstrap."""
    assert set(found) == {*expected, "rsum_error"}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)
        assert type(found[name]) is (int if name.endswith("_queries") else float)


@st.composite
def cases(draw):
    """Small whole numbers: float32 products are exact, and ties are common."""
    n, m, dim = draw(st.integers(1, 7)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([[0.7, 0.2, 0.1], [0.9, 0.1, 0.0], [0.4, 0.2, 0.4], [1, 0, 0]]))
    kinds = rng.choice([NEGATIVE, MATCH, IGNORED], (n, m), p=share)
    images, texts = (rng.integers(-3, 4, (size, dim)) for size in (n, m))
    ks = draw(st.sampled_from([(1, 5, 10), (1,), (2, 3)]))
    return images, texts, kinds, ks, draw(st.sampled_from([1, 4, 11, 2**24]))


def relation(kinds):
    return Matches(np.argwhere(kinds == MATCH), *kinds.shape, ignored=np.argwhere(kinds == IGNORED))


@given(cases())
def test_metrics_are_those_of_sorting(case):
    images, texts, kinds, ks, block = case
    expected = metrics_by_sorting(images @ texts.T, kinds, ks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranks_module, "BLOCK_VALUES", block)
        found = retrieval_metrics(images.astype("float64"), texts, relation(kinds), ks)
    assert_equal(found, expected)


@given(cases(), st.integers(1, 7))
def test_metrics_from_scores_are_those_of_sorting(case, rows):
    images, texts, kinds, ks, _ = case
    scores = (images @ texts.T).astype("float32")
    expected = metrics_by_sorting(scores, kinds, ks)
    assert_equal(retrieval_metrics_from_scores(scores, relation(kinds), ks), expected)
    calls = []

    def blocks():
        calls.append(None)
        return (scores[start : start + rows] for start in range(0, len(scores), rows))

    assert_equal(retrieval_metrics_from_scores(blocks, relation(kinds), ks), expected)
    assert len(calls) == 2


def test_a_worked_example():
    """Three images, four texts. Image 2 has no text; text 3 has no image and competes."""
    scores = np.array([[0.9, 0.5, 0.7, 0.1], [0.8, 0.2, 0.6, 0.6], [0.7, 0.9, 0.0, 0.3]])
    matches = Matches([(0, 1), (0, 2), (1, 2), (1, 0)], 3, 4, ignored=[(0, 0)])
    metrics = retrieval_metrics_from_scores(scores, matches, ks=(1, 2))
    # Image 0: its best match, text 2 at 0.7, has but text 3 to beat, for text 0 is ignored.
    # Image 1: text 0 at 0.8 beats text 1 and text 3.
    assert (metrics["i2t_recall@1"], metrics["i2t_mean_rank"]) == (100.0, 1.0)
    # Text 0: image 1 at 0.8 beats image 2, image 0 being ignored: rank 1.
    # Text 1: image 0 at 0.5 is behind image 2 at 0.9: rank 2. Text 2: image 0 at 0.7: rank 1.
    assert metrics["t2i_recall@1"] == pytest.approx(200 / 3)
    assert metrics["t2i_recall@2"] == 100.0
    assert metrics["t2i_mean_rank"] == pytest.approx(4 / 3)
    assert metrics["t2i_median_rank"] == 1.0
    assert (metrics["i2t_queries"], metrics["t2i_queries"]) == (2, 3)
    assert metrics["rsum"] == pytest.approx(100 + 100 + 200 / 3 + 100)
    assert metrics["mean_recall"] == pytest.approx(metrics["rsum"] / 4)


def test_the_example_of_the_documentation():
    metrics = retrieval_metrics(
        np.eye(2), [[1.0, 0.0], [0.6, 0.8], [0.9, 0.1]], np.array([0, 0, 1]), ks=(1, 2)
    )
    # Image 1: text 1 at 0.8 stands before its own text 2 at 0.1: rank 2 (text 0 has 0).
    assert (metrics["i2t_recall@1"], metrics["i2t_recall@2"]) == (50.0, 100.0)
    # Text 0: image 0. Text 1: image 1 at 0.8 before image 0 at 0.6. Text 2: 0.9 before 0.1.
    assert metrics["t2i_recall@1"] == pytest.approx(100 / 3)


def test_hit_rate_is_not_the_share_of_matches():
    scores = np.array([[0.9, 0.8, 0.7, 0.1]])
    metrics = retrieval_metrics_from_scores(scores, Matches([(0, 0), (0, 3)], 1, 4), ks=(1,))
    assert metrics["i2t_recall@1"] == 100.0


def test_matches_do_not_compete_with_each_other():
    """Five captions of one image, all before the other's: the rank of each query is 1."""
    scores = np.array([[5.0, 4.0, 3.0, 2.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0, 9.0]])
    metrics = retrieval_metrics_from_scores(scores, np.array([0, 0, 0, 0, 0, 1]))
    assert metrics["i2t_mean_rank"] == metrics["t2i_mean_rank"] == 1.0
    assert metrics["rsum"] == 600.0


def test_without_queries_there_is_no_figure():
    for metrics in (
        retrieval_metrics(np.eye(2), np.eye(2), Matches([], 2, 2)),
        retrieval_metrics(np.zeros((0, 2)), np.zeros((0, 2)), Matches([], 0, 0)),
        retrieval_metrics_from_scores(np.eye(2), Matches([], 2, 2)),
    ):
        assert metrics["i2t_queries"] == metrics["t2i_queries"] == 0
        for name in ("i2t_recall@1", "t2i_recall@10", "i2t_median_rank", "t2i_mean_rank", "rsum"):
            assert math.isnan(metrics[name])


def test_a_collapse_is_no_success():
    """A network that maps all to one point must not look perfect by the order of its ties."""
    same = np.full((20, 16), 0.25)
    metrics = retrieval_metrics(same, same, np.arange(20))
    assert metrics["rsum"] == 0.0
    assert metrics["i2t_mean_rank"] == 20.0
    metrics = retrieval_metrics_from_scores(np.zeros((20, 20)), np.arange(20))
    assert metrics["rsum"] == 0.0
    assert metrics["t2i_median_rank"] == 20.0


def test_retrieval_within_the_view_through_a_shared_image():
    texts = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]])
    metrics = retrieval_metrics(texts, texts, Matches.of([0, 0, 1, 1]).text_neighbors(), ks=(1,))
    # 0: 1 at 0.8 before 3. 1: 3 at 0.96 before 0. 2: 3 at 0.8 before 1. 3: 1 at 0.96 before 2.
    assert metrics["i2t_recall@1"] == metrics["t2i_recall@1"] == 50.0
    assert metrics["i2t_queries"] == 4


def test_every_form_of_matches():
    images, texts = np.eye(3), np.eye(3)[[0, 0, 2]]
    expected = retrieval_metrics(images, texts, Matches([(0, 0), (0, 1), (1, 2)], 3, 3))
    # Image 2 has no match: the largest index does not tell how many images there are.
    assert retrieval_metrics(images, texts, [0, 0, 1]) == expected
    dense = np.arange(3)[:, None] == np.array([0, 0, 1])
    assert retrieval_metrics(images, texts, dense) == expected
    scores = images @ texts.T
    assert retrieval_metrics_from_scores(scores, [0, 0, 1]) == expected
    assert retrieval_metrics_from_scores(lambda: iter([scores]), dense) == expected


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32"])
def test_embeddings_of_any_number_type(dtype):
    images = np.eye(3, dtype=dtype)
    assert retrieval_metrics(images, images.tolist(), np.arange(3))["rsum"] == 600.0


@pytest.mark.parametrize(
    ("images", "texts", "matches", "message"),
    [
        (np.ones(3), np.ones((3, 2)), [0, 1, 2], r"`image_embeddings` must have rank 2.*\(3,\)"),
        (np.ones((3, 2)), np.ones((3, 2, 1)), [0, 1, 2], "`text_embeddings` must have rank 2"),
        (
            np.array([[1.0, 1.0], [np.nan, 1.0]]),
            np.ones((2, 2)),
            [0, 1],
            "`image_embeddings` must be finite. Received: NaN or infinity in row 1",
        ),
        (
            np.ones((2, 2)),
            np.array([[1.0, 1.0], [1.0, np.inf]]),
            [0, 1],
            "`text_embeddings` must be finite. Received: NaN or infinity in row 1",
        ),
        (
            np.ones((3, 2)),
            np.ones((3, 4)),
            [0, 1, 2],
            r"`text_embeddings` must have shape \(3, 2\)",
        ),
        (
            np.ones((3, 2)),
            np.ones((4, 2)),
            [0, 1, 2],
            r"`text_embeddings` must have shape \(3, 2\)",
        ),
        (np.ones((3, 2)), np.ones((2, 2)), [0, 3], "image indices.*3 in row 1"),
        (np.ones((3, 2)), np.ones((2, 2)), Matches([], 2, 2), "`matches` must have 3 images"),
        (np.ones((3, 2)), np.ones((2, 2)), np.ones((3, 2)), "`matches` must be a Matches"),
    ],
)
def test_wrong_arguments_are_named(images, texts, matches, message):
    with pytest.raises(ValueError, match=message):
        retrieval_metrics(images, texts, matches)


@pytest.mark.parametrize(
    ("scores", "matches", "message"),
    [
        (np.ones(3), [0, 1, 2], r"`scores` must have shape \(n, m\). Received: shape=\(3,\)"),
        (np.ones((3, 2)), [0, 1, 2], "`scores` must have 3 columns"),
        (np.ones((0, 2)), Matches([], 0, 3), "`scores` must have 3 columns"),
        (np.ones((3, 3)), np.ones((2, 3), bool), "`matches` must have 3 images. Received: 2"),
        (np.full((2, 2), np.nan), [0, 1], "`scores` must not hold NaN. Received: NaN in row 0"),
    ],
)
def test_wrong_scores_are_named(scores, matches, message):
    with pytest.raises(ValueError, match=message):
        retrieval_metrics_from_scores(scores, matches)
