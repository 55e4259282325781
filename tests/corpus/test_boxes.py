"""Tests of boxes against counting pixels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus import boxes

SIDE = 8
ys, xs = np.mgrid[:SIDE, :SIDE]
coordinates = st.integers(0, SIDE)
# Whole pixels, empty boxes and boxes turned round among them.
any_box = st.tuples(coordinates, coordinates, coordinates, coordinates)
kinds = st.sampled_from(["int64", "uint8", "float16", "float32", "float64"])


def pixels(box):
    """Bool picture: which pixels a box covers."""
    left, top, right, bottom = box
    return (left <= xs) & (xs < right) & (top <= ys) & (ys < bottom)


@given(st.lists(any_box, min_size=1, max_size=4), st.lists(any_box, max_size=4), kinds)
def test_iou_counts_pixels(a, b, kind):
    b = np.array(b, kind).reshape(-1, 4)
    found = boxes.iou(np.array(a, kind), b)
    assert found.shape == (len(a), len(b))
    for i, first in enumerate(a):
        for j, second in enumerate(b.tolist()):
            both = (pixels(first) & pixels(second)).sum()
            either = (pixels(first) | pixels(second)).sum()
            np.testing.assert_allclose(found[i, j], both / max(either, 1), rtol=1e-6)
            assert boxes.elementwise_iou(first, second) == both / max(either, 1)


@given(any_box)
def test_area_counts_pixels(box):
    assert boxes.area(box) == pixels(box).sum()
    assert boxes.area([box, box]).shape == (2,)


@given(any_box)
def test_a_box_contains_its_pixels(box):
    np.testing.assert_array_equal(boxes.contains(box, np.stack([xs, ys], axis=-1)), pixels(box))


def test_centres_of_halves():
    np.testing.assert_array_equal(boxes.centers([[0, 0, 3, 5], [2, 2, 2, 2]]), [[1.5, 2.5], [2, 2]])


@given(st.lists(any_box, min_size=1, max_size=3), st.integers(0, SIDE), st.integers(0, SIDE))
def test_clip_keeps_the_pixels_within(many, width, height):
    clipped = boxes.clip(many, (width, height))
    for box, kept in zip(many, clipped):
        np.testing.assert_array_equal(pixels(kept), pixels(box) & pixels((0, 0, width, height)))
    assert (clipped <= [width, height, width, height]).all()


def test_clip_takes_a_size_for_each_box():
    found = boxes.clip([[-3, -3, 9, 9], [-3, -3, 9, 9]], [[4, 5], [6, 7]])
    np.testing.assert_array_equal(found, [[0, 0, 4, 5], [0, 0, 6, 7]])


@given(st.lists(any_box.filter(lambda b: b[0] < b[2] and b[1] < b[3]), min_size=1, max_size=4))
def test_union_is_the_smallest_box_around(many):
    covered = np.any([pixels(box) for box in many], axis=0)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    expected = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_array_equal(boxes.union(many), expected)


BY_HAND = {
    "xyxy": [10, 20, 40, 60],
    "xywh": [10, 20, 30, 40],
    "rel_xyxy": [0.1, 0.1, 0.4, 0.3],
    "rel_xywh": [0.1, 0.1, 0.3, 0.2],
}


@pytest.mark.parametrize("source", BY_HAND)
@pytest.mark.parametrize("target", BY_HAND)
def test_formats_by_hand(source, target):
    found = boxes.convert(BY_HAND[source], source, target, sizes=(100, 200))
    np.testing.assert_allclose(found, BY_HAND[target], rtol=1e-12)


@given(
    st.lists(any_box, max_size=4),
    st.sampled_from(boxes.FORMATS),
    st.sampled_from(boxes.FORMATS),
    st.tuples(st.integers(1, 999), st.integers(1, 999)),
)
def test_formats_there_and_back(many, source, target, sizes):
    given_boxes = np.array(many, float).reshape(-1, 4)
    there = boxes.convert(given_boxes, source, target, sizes)
    np.testing.assert_allclose(boxes.convert(there, target, source, sizes), given_boxes, atol=1e-9)


def test_convert_takes_a_size_for_each_box_and_returns_a_copy():
    given_boxes = np.array([[1.0, 2, 3, 4], [1, 2, 3, 4]])
    found = boxes.convert(given_boxes, "xyxy", "rel_xyxy", [[10, 10], [20, 40]])
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.3, 0.4], [0.05, 0.05, 0.15, 0.1]])
    boxes.convert(given_boxes, "xyxy")[:] = 0
    assert given_boxes[0, 0] == 1


def test_spatial_features_by_hand():
    found = boxes.spatial_features(
        [[[10, 20, 40, 60]], [[0, 0, 50, 50]]], [[[100, 200]], [[50, 50]]]
    )
    np.testing.assert_allclose(found, [[[0.1, 0.1, 0.3, 0.2, 0.06]], [[0, 0, 1, 1, 1]]], rtol=1e-6)
    assert found.dtype == np.float32


def test_large_boxes_of_half_precision():
    """Half precision has no 160 000, the area of such a box."""
    box = np.array([[0, 0, 400, 400]], np.float16)
    assert boxes.iou(box, box) == 1
    assert boxes.area(box) == 160_000


def test_a_box_of_nan_overlaps_by_nan():
    unknown = [np.nan] * 4
    assert np.isnan(boxes.iou([unknown], [[0, 0, 1, 1]])).all()
    assert not boxes.contains(unknown, [0, 0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: boxes.iou([0, 0, 1, 1], [[0, 0, 1, 1]]), r"`a` must have shape \(n, 4\).*\(4,\)"),
        (lambda: boxes.iou([[0, 0, 1, 1]], [[0, 0, 1]]), r"`b` must have shape \(\.\.\., 4\)"),
        (lambda: boxes.area(3), r"`boxes` must have shape \(\.\.\., 4\). Received: shape=\(\)"),
        (lambda: boxes.union(np.zeros((0, 4))), r"`boxes` must have shape \(n, 4\), n > 0"),
        (lambda: boxes.union([0, 0, 1, 1]), r"`boxes` must have shape \(n, 4\), n > 0"),
        (lambda: boxes.convert([0, 0, 1, 1], "yxyx"), "`source` must be one of.*'yxyx'"),
        (
            lambda: boxes.convert([0, 0, 1, 1], "xyxy", "cxcywh"),
            "`target` must be one of.*'cxcywh'",
        ),
        (lambda: boxes.convert([0, 0, 1, 1], "rel_xyxy"), "`sizes` must be given"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
