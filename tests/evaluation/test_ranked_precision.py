"""Tests of mAP@R, R-precision and nDCG@10 against their definition and eccv_caption's own."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.evaluation import (
    ranked_precision,
    ranked_precision_metrics,
    ranked_precision_metrics_from_scores,
    retrieval_metrics_from_scores,
)

MATCH, IGNORED, NEGATIVE = 1, 2, 0
NAMES = ("map@r", "r_precision", "ndcg@10", "recall@1")


def by_loops(scores, kinds, asked):
    """The figures of each query, from the whole ranking with negatives first among equals."""
    found = []
    for row, kind, ask in zip(scores, kinds, asked):
        r = int((kind == MATCH).sum())
        if not r or not ask:
            continue
        ranking = sorted((-s, k) for s, k in zip(row, kind) if k != IGNORED)  # NEGATIVE < MATCH
        hits = [k == MATCH for _, k in ranking[:r]]
        shares = [sum(hits[: i + 1]) / (i + 1) for i in range(r) if hits[i]]
        gain = sum(k == MATCH and 1 / math.log2(2 + i) for i, (_, k) in enumerate(ranking[:10]))
        most = sum(1 / math.log2(2 + i) for i in range(min(r, 10)))
        found.append([sum(shares) / r, sum(hits) / r, gain / most, float(hits[0])])
    return found


def assert_figures(metrics, scores, kinds, image_queries, text_queries):
    for direction, found in (
        ("i2t", by_loops(scores, kinds, image_queries)),
        ("t2i", by_loops(scores.T, kinds.T, text_queries)),
    ):
        assert metrics[f"{direction}_queries"] == len(found)
        figures = [metrics[f"{direction}_{name}"] for name in NAMES]
        expected = 100 * np.mean(found, axis=0) if found else [np.nan] * 4
        np.testing.assert_allclose(figures, expected, rtol=1e-12)


@st.composite
def cases(draw):
    n, m = draw(st.integers(1, 7)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = draw(st.sampled_from([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [1, 0, 0], [0, 1, 0]]))
    kinds = rng.choice([NEGATIVE, MATCH, IGNORED], (n, m), p=share)
    return rng, kinds, rng.random(n) < 0.8, rng.random(m) < 0.8


def relation(kinds):
    return Matches(np.argwhere(kinds == MATCH), *kinds.shape, ignored=np.argwhere(kinds == IGNORED))


@given(cases(), st.sampled_from(["float32", "float64", "int64"]), st.integers(1, 7))
@settings(deadline=None)
def test_scores_in_blocks_with_ties(case, dtype, rows):
    rng, kinds, image_queries, text_queries = case
    scores = rng.integers(-3, 4, kinds.shape).astype(dtype)
    before = scores.copy()

    def blocks():
        return (scores[start : start + rows] for start in range(0, len(scores), rows))

    for given_scores in (blocks, scores):
        metrics = ranked_precision_metrics_from_scores(
            given_scores, relation(kinds), image_queries, text_queries
        )
        assert_figures(metrics, scores, kinds, image_queries, text_queries)
    np.testing.assert_array_equal(scores, before)


@given(cases(), st.sampled_from([1, 20, 2**24]))
@settings(deadline=None)
def test_embeddings_in_blocks(case, block):
    rng, kinds, image_queries, text_queries = case
    n, m = kinds.shape
    images, texts = rng.integers(-2, 3, (n, 4)), rng.integers(-2, 3, (m, 4))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranked_precision, "BLOCK_VALUES", block)
        metrics = ranked_precision_metrics(
            images, texts, relation(kinds), image_queries, text_queries
        )
    assert_figures(metrics, images @ texts.T, kinds, image_queries, text_queries)


def test_copies_of_a_vector_tie_whatever_the_rounding():
    """The only match of each image has a copy that does not match: it stands first."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(37, 129)).astype("float32")
    texts = np.repeat(images, 2, axis=0)
    matches = Matches(np.stack([np.arange(37), 2 * np.arange(37)], axis=1), 37, 74)
    metrics = ranked_precision_metrics(images, texts, matches)
    assert (metrics["i2t_recall@1"], metrics["i2t_map@r"]) == (0.0, 0.0)
    assert (metrics["t2i_recall@1"], metrics["t2i_map@r"]) == (100.0, 100.0)


@given(cases())
@settings(deadline=None)
def test_recall_at_1_is_that_of_retrieval(case):
    rng, kinds, *_ = case
    scores = rng.integers(0, 4, kinds.shape).astype("float32")
    found = ranked_precision_metrics_from_scores(scores, relation(kinds))
    expected = retrieval_metrics_from_scores(scores, relation(kinds), ks=(1,))
    for name in ("i2t_recall@1", "t2i_recall@1", "i2t_queries", "t2i_queries"):
        np.testing.assert_equal(found[name], expected[name])


def test_the_figures_of_eccv_captions_own_code():
    """On random scores without ties, with queries that are only some of the pictures and texts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for ujson and tqdm
        metrics = pytest.importorskip("eccv_caption").Metrics()
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(12, 30))
    related = scores + rng.normal(size=scores.shape) > 1.2
    image_queries, text_queries = rng.random(12) < 0.6, rng.random(30) < 0.6
    image_queries &= related.any(axis=1)
    text_queries &= related.any(axis=0)
    metrics.eccv_gts = {
        "i2t": {i: np.flatnonzero(related[i]).tolist() for i in np.flatnonzero(image_queries)},
        "t2i": {t: np.flatnonzero(related[:, t]).tolist() for t in np.flatnonzero(text_queries)},
    }
    retrieved = {
        "i2t": {i: np.argsort(-scores[i]).tolist() for i in range(12)},
        "t2i": {t: np.argsort(-scores[:, t]).tolist() for t in range(30)},
    }
    theirs = metrics.eccv_metrics(retrieved, "all")
    found = ranked_precision_metrics_from_scores(
        scores, Matches.of(related), image_queries, text_queries
    )
    for direction in ("i2t", "t2i"):
        names = {"map@r": "map_at_r", "r_precision": "rprecision", "recall@1": "r1"}
        for ours, name in names.items():
            expected = 100 * theirs[f"eccv_{name}"][direction]
            assert 0 < expected < 100
            np.testing.assert_allclose(found[f"{direction}_{ours}"], expected)


def test_no_images_or_no_texts():
    for n, m in ((0, 3), (3, 0), (0, 0)):
        metrics = ranked_precision_metrics(np.zeros((n, 2)), np.zeros((m, 2)), Matches([], n, m))
        assert (metrics["i2t_queries"], metrics["t2i_queries"]) == (0, 0)
        assert np.isnan(metrics["i2t_map@r"])


E = np.eye(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ranked_precision_metrics(E, E[:, :2], [0, 1, 2]),
            r"`image_embeddings` and .*\(3, 2",
        ),
        (lambda: ranked_precision_metrics(E, E[:2], [0, 1, 2]), "must have 3 columns"),
        (
            lambda: ranked_precision_metrics(E[:2], E, [0, 1, 2]),
            r"`pairs` must hold image indices in \[0, 2\)",
        ),
        (lambda: ranked_precision_metrics(E * np.nan, E, [0, 1, 2]), "finite.*row 0"),
        (lambda: from_scores(np.where(E > 0, np.inf, 0)), "finite. Received: .* row 0"),
        (lambda: from_scores(E[:2]), "`scores` must have 3 rows. Received: 2"),
        (lambda: from_scores(lambda: iter([E, E])), "`scores` must have 3 rows. Received: 6"),
        (lambda: from_scores(E[0]), r"`scores` must have shape \(n, m\). Received: shape=\(3,\)"),
        (
            lambda: from_scores(E, image_queries=[1, 0, 1]),
            r"`image_queries` must be a bool array of shape \(3,\). Received: .*int64",
        ),
        (
            lambda: from_scores(E, text_queries=[True]),
            r"`text_queries` must be a bool array of shape \(3,\). Received: shape=\(1,\)",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def from_scores(scores, **queries):
    return ranked_precision_metrics_from_scores(scores, [0, 1, 2], **queries)
