"""Tests of the localization figures of a corpus against loops over its regions and phrases."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.evaluation import (
    corpus_localization_metrics,
    corpus_localization_metrics_by_category,
    localization_hits,
    localization_metrics,
    localization_metrics_by_category,
)
from tb_keras.evaluation.localization import outcomes
from tb_keras.evaluation.localization.corpus_figures import padded_by_phrase
from tb_keras.evaluation.picture_bootstrap import figure_error, figure_of_hits
from tests.evaluation.localization import localization_oracle


@st.composite
def cases(draw):
    """A grounding with pictures without regions or phrases, and scores of its pairs with ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pictures, n, m = draw(st.integers(1, 4)), draw(st.integers(0, 9)), draw(st.integers(0, 7))

    def boxes(size):
        corners = rng.integers(0, 4, (size, 2))
        return np.concatenate([corners, corners + rng.integers(0, 5, (size, 2))], axis=1) * 1.0

    phrase_boxes = boxes(m)
    phrase_boxes[rng.random(m) < 0.2] = np.nan
    grounding = Grounding(
        ["a.jpg"] * pictures,
        np.full((pictures, 2), 9),
        rng.integers(0, pictures, n),
        boxes(n),
        rng.integers(0, pictures, m),
        phrase_boxes,
    )
    dtype = draw(st.sampled_from(["float32", "float64", "int64"]))
    size = len(grounding.same_picture_pairs()[0])
    return grounding, rng.integers(-2, draw(st.sampled_from([0, 9])), size).astype(dtype)


def rows_by_loops(grounding, pair_scores):
    """For each phrase the (score, box) of the regions of its picture."""
    scores = iter(pair_scores.tolist())
    return [
        [
            (next(scores), box.tolist())
            for box, other in zip(grounding.region_boxes, grounding.region_pictures)
            if other == picture
        ]
        for picture in grounding.phrase_pictures
    ]


@given(cases())
def test_padded_rows_are_those_of_the_loops(case):
    grounding, pair_scores = case
    expected = rows_by_loops(grounding, pair_scores)
    scores, boxes = padded_by_phrase(grounding, pair_scores)
    width = max([1, *map(len, expected)])
    assert scores.shape == (len(expected), width)
    assert boxes.shape == (len(expected), width, 4)
    assert scores.dtype == ("float64" if pair_scores.dtype == int else pair_scores.dtype)
    for row, regions in enumerate(expected):
        padding = width - len(regions)
        assert scores[row].tolist() == [score for score, _ in regions] + [-np.inf] * padding
        assert boxes[row].tolist() == [box for _, box in regions] + [[0] * 4] * padding


@given(cases(), st.sampled_from([1, 5, 2**18]))
def test_figures_of_a_corpus_are_those_of_the_loop(case, block):
    grounding, pair_scores = case
    corpus = Corpus(grounding.matches_by_iou(), grounding=grounding)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(outcomes, "_BLOCK_REGIONS", block)
        found = corpus_localization_metrics(pair_scores, corpus, iou_threshold=0.25, ks=(1, 2))
    rows = rows_by_loops(grounding, pair_scores)
    expected = localization_oracle.figures(
        [[score for score, _ in row] for row in rows],
        [[box for _, box in row] for row in rows],
        grounding.phrase_boxes.tolist(),
        Fraction(1, 4),
        (1, 2),
    )
    hits = localization_hits(pair_scores, corpus, iou_threshold=0.25)
    assert found.pop("recall@1_error") == pytest.approx(figure_error(hits), nan_ok=True)
    assert found["recall@1"] == pytest.approx(float(figure_of_hits(hits)), nan_ok=True)
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)
    whole = localization_metrics(
        *padded_by_phrase(grounding, pair_scores), grounding.phrase_boxes, 0.25, (1, 2)
    )
    np.testing.assert_equal(found, whole)


def small_grounding():
    return Grounding(
        ["a.jpg"], [[9, 9]], [0, 0], [[0, 0, 5, 5], [1, 1, 9, 9]], [0, 0], [[0, 0, 5, 5]] * 2
    )


@pytest.mark.parametrize(
    ("pair_scores", "message"),
    [
        (np.ones(3), r"`pair_scores` must have shape \(4,\).*shape=\(3,\)"),
        (np.ones((2, 2)), r"`pair_scores` must have shape \(4,\).*shape=\(2, 2\)"),
        ([1, 1, np.nan, 1], "`pair_scores` must hold no NaN.*nan in row 2"),
        ([1, -np.inf, 1, 1], "`pair_scores` must hold.*no -inf.*-inf in row 1"),
    ],
)
def test_wrong_scores_are_named(pair_scores, message):
    grounding = small_grounding()
    with pytest.raises(ValueError, match=message):
        padded_by_phrase(grounding, pair_scores)
    with pytest.raises(ValueError, match=message):
        corpus_localization_metrics(
            pair_scores, Corpus(grounding.matches_by_iou(), grounding=grounding)
        )


def test_a_corpus_without_grounding_is_named():
    with pytest.raises(ValueError, match=r"`corpus` must have a grounding. Received: Corpus\(1"):
        corpus_localization_metrics([1.0], Corpus(np.array([0])))


@given(cases())
def test_categories_are_those_of_the_rows(case):
    grounding, pair_scores = case
    kinds = [f"kind {row % 2}" for row in range(len(grounding.phrase_boxes))]
    categories = [["people", "other"][: row % 3] for row in range(len(kinds))]
    corpus = Corpus(
        grounding.matches_by_iou(),
        grounding=grounding,
        text_attributes={"categories": categories, "kind": kinds},
    )
    arrays = (*padded_by_phrase(grounding, pair_scores), grounding.phrase_boxes)
    for attribute, rows in (("categories", categories), ("kind", [[kind] for kind in kinds])):
        found = corpus_localization_metrics_by_category(pair_scores, corpus, attribute)
        np.testing.assert_equal(found, localization_metrics_by_category(*arrays, rows))


def test_an_attribute_that_is_not_there_is_named():
    grounding = small_grounding()
    corpus = Corpus(grounding.matches_by_iou(), grounding=grounding)
    with pytest.raises(ValueError, match=r"`attribute` must be one of \[\]. Received: 'kind'"):
        corpus_localization_metrics_by_category(np.ones(4), corpus, "kind")
