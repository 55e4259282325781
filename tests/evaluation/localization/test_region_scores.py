"""Tests of the localization metrics against one phrase after the other in plain Python."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.evaluation import localization_metrics, localization_metrics_by_category
from tb_keras.evaluation.localization import outcomes as outcomes_module
from tests.evaluation.localization import localization_oracle

CATEGORIES = ["people", "animals", "other"]


@st.composite
def cases(draw):
    """Boxes of whole pixels, some of them empty; few distinct scores; padding anywhere."""
    p, r = draw(st.integers(0, 6)), draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def boxes(*shape):
        corners = rng.integers(0, 5, (*shape, 2))
        return np.concatenate([corners, corners + rng.integers(0, 5, (*shape, 2))], axis=-1) * 1.0

    region_boxes, truth = boxes(p, r), boxes(p)
    scores = rng.integers(-2, draw(st.sampled_from([0, 2, 9])), (p, r)) * 1.0
    padding = rng.random((p, r)) < draw(st.sampled_from([0, 0.3, 0.8]))
    scores[padding] = -np.inf
    region_boxes[padding] = draw(st.sampled_from([np.nan, np.inf, 0, 3]))
    truth[rng.random(p) < draw(st.sampled_from([0, 0.3, 1]))] = np.nan
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return (
        scores.astype(draw(st.sampled_from(["float16", "float32", "float64"]))),
        region_boxes.astype(dtype),
        truth.astype(dtype),
        draw(st.sampled_from([Fraction(1, 2), Fraction(1), Fraction(1, 3), Fraction(1, 9)])),
        draw(st.sampled_from([(1, 5, 10), (2,), (1, 2, 3)])),
        draw(st.sampled_from([1, 7, 2**18])),
    )


def assert_equal(found, expected):
    assert list(found) == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)
        assert type(found[name]) is (int if name in COUNTS else float)


COUNTS = ("phrases", "without_region", "without_box")


@given(cases())
def test_figures_are_those_of_the_loop(case):
    *arrays, threshold, ks, block = case
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(outcomes_module, "_BLOCK_REGIONS", block)
        found = localization_metrics(*arrays, iou_threshold=float(threshold), ks=ks)
    assert_equal(found, localization_oracle.figures(*arrays, threshold, ks))


@given(cases(), st.data())
def test_figures_by_category_are_those_of_each_categorys_phrases(case, data):
    *arrays, threshold, ks, block = case
    some = st.lists(st.sampled_from(CATEGORIES), max_size=3)
    categories = data.draw(st.lists(some, min_size=len(arrays[0]), max_size=len(arrays[0])))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(outcomes_module, "_BLOCK_REGIONS", block)
        found = localization_metrics_by_category(*arrays, categories, float(threshold), ks)
    assert list(found) == sorted({name for names in categories for name in names})
    for category, figures in found.items():
        phrases = [row for row, names in enumerate(categories) if category in names]
        assert_equal(figures, localization_oracle.figures(*arrays, threshold, ks, phrases))


WHOLE, HALF, RIGHT_HALF, FAR = [0, 0, 4, 4], [0, 0, 4, 2], [2, 0, 4, 4], [8, 8, 9, 9]


def test_an_example_by_hand():
    pad = [np.nan] * 4
    boxes = [
        [WHOLE, HALF, FAR],  # right, exactly at the threshold, wrong
        [FAR, WHOLE, pad],
        [FAR, RIGHT_HALF, WHOLE],  # the wrong one ties with the second
        [FAR, FAR, pad],  # nothing to find
        [pad, pad, pad],
        [WHOLE, WHOLE, WHOLE],
    ]
    inf = -np.inf
    scores = [[1, 2, 0], [2, 1, inf], [5, 5, 4], [0, 1, inf], [inf, inf, inf], [1, 1, 1]]
    truth = [WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, pad]
    found = localization_metrics(scores, boxes, truth, ks=(1, 2, 3))
    assert found == {
        "recall@1": 100 * (1 / 5),  # the first
        "recall@2": 100 * (3 / 5),  # the second and the third as well
        "recall@3": 100 * (3 / 5),
        "upper_bound": 100 * (3 / 5),
        "mean_iou": pytest.approx(0.5 / 5),
        "pointing_game": 100 * (1 / 5),  # the half's centre, (2, 1)
        "phrases": 5,
        "without_region": 1,
        "without_box": 1,
    }


def test_a_tie_of_right_regions_is_no_loss_but_its_worst_iou_counts():
    found = localization_metrics([[3, 3]], [[WHOLE, HALF]], [WHOLE], ks=(1,))
    assert found["recall@1"] == 100
    assert found["mean_iou"] == 0.5


def test_the_centre_and_the_overlap_are_two_things():
    """A large region around a small true box points at it and overlaps it little; and otherwise."""
    small = [4, 4, 6, 6]
    around = localization_metrics([[1]], [[[0, 0, 10, 10]]], [small])
    assert (around["pointing_game"], around["recall@1"], around["mean_iou"]) == (100, 0, 0.04)
    beside = localization_metrics([[1]], [[[0, 0, 10, 4]]], [[0, 2, 10, 5]], iou_threshold=0.4)
    assert (beside["pointing_game"], beside["recall@1"]) == (100, 100)
    beyond = localization_metrics([[1]], [[[0, 0, 10, 4]]], [[0, 3, 10, 4]], iou_threshold=0.25)
    assert (beyond["pointing_game"], beyond["recall@1"]) == (0, 100)


def test_whole_numbers_and_infinite_scores_are_scores():
    assert localization_metrics([[1, 2]], [[FAR, WHOLE]], [WHOLE])["recall@1"] == 100
    assert localization_metrics([[np.inf, 2]], [[FAR, WHOLE]], [WHOLE])["recall@1"] == 0


def test_scores_one_rounding_apart_are_no_tie():
    scores = np.array([[1, np.nextafter(np.float32(1), np.float32(2))]], np.float32)
    assert localization_metrics(scores, [[FAR, WHOLE]], [WHOLE])["recall@1"] == 100
    close = np.array([[1, 1 + 2**-40]])
    assert localization_metrics(close, [[FAR, WHOLE]], [WHOLE])["recall@1"] == 100


def test_the_threshold_is_exact_for_large_pictures():
    """Half of all pixels less one half pixel: in float32, which rounds the areas, it is half."""
    truth = np.array([[0, 0, 10_001, 10_001]], np.float32)
    assert 2 * (10_000 * 5_001) == 10_001**2 - 1
    below = np.array([[[0, 0, 10_000, 5_001]]], np.float32)
    assert localization_metrics([[1]], below, truth)["recall@1"] == 0
    above = np.array([[[0, 0, 10_001, 5_001]]], np.float32)
    assert localization_metrics([[1]], above, truth)["recall@1"] == 100


def test_the_inputs_stay_as_they_are():
    scores, boxes = np.array([[1, -np.inf]]), np.array([[WHOLE, [np.nan] * 4]])
    truth = np.array([[np.nan] * 4])
    copies = scores.copy(), boxes.copy(), truth.copy()
    localization_metrics(scores, boxes, truth)
    for array, copy in zip((scores, boxes, truth), copies):
        np.testing.assert_array_equal(array, copy)


def test_no_phrase_gives_no_figure():
    found = localization_metrics(np.zeros((0, 3)), np.zeros((0, 3, 4)), np.zeros((0, 4)))
    assert math.isnan(found["recall@1"])
    assert math.isnan(found["mean_iou"])
    assert found["phrases"] == 0
    assert (
        localization_metrics_by_category(
            np.zeros((0, 0)), np.zeros((0, 0, 4)), np.zeros((0, 4)), []
        )
        == {}
    )


def two_phrases(**changes):
    parts = {
        "scores": np.ones((2, 3)),
        "boxes": np.tile([0.0, 0, 4, 4], (2, 3, 1)),
        "ground_truth": np.tile([0.0, 0, 4, 4], (2, 1)),
    }
    return {**parts, **changes}


def with_value(name, place, value):
    array = two_phrases()[name].copy()
    array[place] = value
    return {name: array}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": np.ones(3)}, r"`scores` must have shape \(p, r\). Received: shape=\(3,\)"),
        ({"boxes": np.ones((2, 2, 4))}, r"`boxes` must have shape \(2, 3, 4\).*\(2, 2, 4\)"),
        ({"ground_truth": np.ones((3, 4))}, r"`ground_truth` must have shape \(2, 4\).*\(3, 4\)"),
        (with_value("scores", (1, 2), np.nan), "`scores` must not hold NaN.*row 1"),
        (with_value("boxes", (1, 0, 3), np.nan), "`boxes` must be finite.*row 1"),
        (with_value("ground_truth", (1, 0), np.nan), "`ground_truth` must be finite.*row 1"),
        ({"iou_threshold": 0}, r"`iou_threshold` must be in \(0, 1\]. Received: 0"),
        ({"iou_threshold": 1.5}, r"`iou_threshold` must be in \(0, 1\]. Received: 1.5"),
    ],
)
@pytest.mark.parametrize("block", [1, 2**18])
def test_wrong_arguments_are_named(monkeypatch, changes, message, block):
    monkeypatch.setattr(outcomes_module, "_BLOCK_REGIONS", block)
    with pytest.raises(ValueError, match=message):
        localization_metrics(**two_phrases(**changes))


@pytest.mark.parametrize(
    ("categories", "message"),
    [
        ([["people"]], "`categories` must have 2 rows, as `scores`. Received: 1"),
        ([["people"], "people"], "`categories` must hold sequences of strings.*'people' in row 1"),
        ([["people"], [3]], r"`categories` must hold sequences of strings.*\[3\] in row 1"),
    ],
)
def test_wrong_categories_are_named(categories, message):
    with pytest.raises(ValueError, match=message):
        localization_metrics_by_category(**two_phrases(), categories=categories)
