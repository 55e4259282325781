"""Tests of `Grounding` against loops over regions and phrases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus import grounding as grounding_module
from tb_keras.corpus.grounding import Grounding


def random_grounding(seed, pictures=None):
    """Regions and phrases in any order; pictures without either; phrases without a box."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(1, 5) if pictures is None else pictures
    n, m = rng.integers(0, 12, 2) if pictures else (0, 0)

    def boxes(size):
        corners = rng.integers(0, 3, (size, 2))
        return np.concatenate([corners, corners + rng.integers(0, 6, (size, 2))], axis=1) * 1.0

    phrase_boxes = boxes(m)
    phrase_boxes[rng.random(m) < 0.2] = np.nan
    return Grounding(
        [f"{picture}.jpg" for picture in range(pictures)],
        rng.integers(9, 20, (pictures, 2)),
        rng.integers(0, max(pictures, 1), n),
        boxes(n),
        rng.integers(0, max(pictures, 1), m),
        phrase_boxes,
    )


seeds = st.integers(0, 2**32 - 1)


def pixels(box):
    left, top, right, bottom = (int(side) for side in box)
    return {(x, y) for x in range(left, right) for y in range(top, bottom)}


def pairs_by_loops(grounding):
    return [
        (region, phrase)
        for phrase, picture in enumerate(grounding.phrase_pictures)
        for region, other in enumerate(grounding.region_pictures)
        if picture == other
    ]


@given(seeds, st.integers(0, 4))
def test_same_picture_pairs_are_those_of_the_loops(seed, pictures):
    grounding = random_grounding(seed, pictures)
    regions, phrases = grounding.same_picture_pairs()
    assert list(zip(regions.tolist(), phrases.tolist())) == pairs_by_loops(grounding)
    assert regions.dtype == phrases.dtype == np.int64
    counts = grounding.regions_per_phrase()
    np.testing.assert_array_equal(counts, np.bincount(phrases, minlength=len(counts)))
    np.testing.assert_array_equal(
        grounding.has_box, [not np.isnan(box).any() for box in grounding.phrase_boxes]
    )


@given(
    seeds,
    st.sampled_from([(0.6, 0.3), (0.5, 0.5), (1, 0), (0.25, 0.2), (0.75, 0.5)]),
    st.sampled_from([1, 5, 2**20]),
)
def test_matches_by_iou_are_those_of_the_loops(seed, thresholds, block):
    grounding = random_grounding(seed)
    positive_iou, negative_iou = thresholds
    matching, ignored = set(), set()
    for region, phrase in pairs_by_loops(grounding):
        box, truth = grounding.region_boxes[region], grounding.phrase_boxes[phrase]
        if np.isnan(truth).any():
            ignored.add((region, phrase))
            continue
        either = len(pixels(box) | pixels(truth))
        overlap = len(pixels(box) & pixels(truth)) / either if either else 0
        if overlap >= positive_iou:
            matching.add((region, phrase))
        elif overlap >= negative_iou:
            ignored.add((region, phrase))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(grounding_module, "_BLOCK_PAIRS", block)
        found = grounding.matches_by_iou(positive_iou, negative_iou)
    assert set(map(tuple, found.pairs.tolist())) == matching
    assert set(map(tuple, found.ignored.tolist())) == ignored
    assert found.num_images == len(grounding.region_pictures)
    assert found.num_texts == len(grounding.phrase_pictures)


def test_an_overlap_at_the_threshold_belongs_to_the_upper_kind():
    """3/5 and 3/10 are the defaults: float32 must not put them below themselves."""
    grounding = Grounding(
        ["a"],
        [[10, 10]],
        [0, 0, 0],
        [[0, 0, 6, 1], [0, 0, 3, 1], [0, 0, 2, 1]],
        [0],
        [[0, 0, 10, 1]],
    )
    found = grounding.matches_by_iou()
    assert found.pairs.tolist() == [[0, 0]]
    assert found.ignored.tolist() == [[1, 0]]


def equal(found, expected):
    assert list(found.picture_paths) == list(expected.picture_paths)
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert getattr(found, name).dtype == getattr(expected, name).dtype


ARRAYS = {
    "picture_sizes": "int32",
    "region_pictures": "int32",
    "region_boxes": "float32",
    "phrase_pictures": "int32",
    "phrase_boxes": "float32",
}


@given(seeds, st.randoms(use_true_random=False))
def test_subset_takes_rows(seed, random):
    grounding = random_grounding(seed)
    n, m = len(grounding.region_pictures), len(grounding.phrase_pictures)
    regions = np.array(random.sample(range(n), random.randint(0, n)), int)
    phrases = np.array(random.sample(range(m), random.randint(0, m)), int)
    expected = Grounding(
        grounding.picture_paths,
        grounding.picture_sizes,
        [grounding.region_pictures[i] for i in regions],
        [grounding.region_boxes[i] for i in regions],
        [grounding.phrase_pictures[j] for j in phrases],
        [grounding.phrase_boxes[j] for j in phrases],
    )
    equal(grounding.subset(regions, phrases), expected)
    whole = grounding.subset(slice(None), slice(None))
    equal(whole, grounding)


def small_grounding(**changes):
    parts = {
        "picture_paths": ["a.jpg", "b.jpg"],
        "picture_sizes": [[20, 10], [30, 30]],
        "region_pictures": [0, 1, 1],
        "region_boxes": [[0, 0, 5, 5], [1, 1, 2, 2], [3, 3, 9, 9]],
        "phrase_pictures": [1, 0],
        "phrase_boxes": [[3, 3, 8, 8], [np.nan] * 4],
    }
    return Grounding(**{**parts, **changes})


def test_types_and_empty_parts():
    grounding = small_grounding()
    assert grounding.num_pictures == 2
    assert grounding.has_box.tolist() == [True, False]
    assert {name: str(getattr(grounding, name).dtype) for name in ARRAYS} == ARRAYS
    empty = Grounding([], [], [], [], [], [])
    assert empty.region_boxes.shape == (0, 4)
    assert empty.matches_by_iou().num_images == 0
    assert empty.regions_per_phrase().tolist() == []
    alone = small_grounding(region_pictures=[], region_boxes=[])
    assert alone.regions_per_phrase().tolist() == [0, 0]
    assert len(alone.matches_by_iou().pairs) == 0


def test_with_regions():
    grounding = small_grounding().with_regions([0], [[0, 0, 1, 1]])
    equal(grounding, small_grounding(region_pictures=[0], region_boxes=[[0, 0, 1, 1]]))
    with pytest.raises(ValueError, match="`region_boxes` must have 2 rows"):
        grounding.with_regions([0, 0], [[0, 0, 1, 1]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"picture_paths": "ab"}, "`picture_paths` must be a sequence of strings. Received: 'ab'"),
        (
            {"picture_paths": ["a.jpg", 3]},
            "`picture_paths` must hold strings. Received: 3 in row 1",
        ),
        ({"picture_paths": ["a.jpg"]}, "`picture_sizes` must have 1 rows, as `picture_paths`.*: 2"),
        ({"picture_sizes": [20, 10]}, r"`picture_sizes` must have shape \(n, 2\).*\(2,\)"),
        ({"picture_sizes": [[20, 10], [30, 0]]}, r"`picture_sizes` must be positive.*\[30, 0\].*1"),
        ({"region_pictures": 0}, r"`region_pictures` must have shape \(n,\). Received: shape=\(\)"),
        (
            {"region_pictures": [[0], [1], [1]]},
            r"`region_pictures` must have shape \(n,\).*\(3, 1\)",
        ),
        ({"region_pictures": [0.0, 0.5, 1.0]}, "`region_pictures` must hold ints.*float64"),
        ({"region_pictures": [0, 2, 1]}, r"`region_pictures` must hold.*\[0, 2\).*2 in row 1"),
        ({"phrase_pictures": [1, -1]}, r"`phrase_pictures` must hold.*\[0, 2\).*-1 in row 1"),
        ({"phrase_pictures": [1, 2**32]}, "`phrase_pictures` must hold int32.*4294967296 in row 1"),
        ({"region_pictures": [0, 1]}, "`region_boxes` must have 2 rows, as `region_pictures`.*: 3"),
        ({"phrase_pictures": [0]}, "`phrase_boxes` must have 1 rows, as `phrase_pictures`.*: 2"),
        ({"region_boxes": [[0, 0, 5]] * 3}, r"`region_boxes` must have shape \(n, 4\).*\(3, 3\)"),
        ({"region_boxes": np.zeros((3, 0))}, r"`region_boxes` must have shape \(n, 4\).*\(3, 0\)"),
        (
            {"region_boxes": [[0, 0, 5, 5], [2, 0, 1, 5], [0, 0, 1, 1]]},
            r"`region_boxes` must be finite xyxy boxes. Received: \[2.0, 0.0, 1.0, 5.0\] in row 1",
        ),
        ({"region_boxes": [[0, 0, 5, 5]] * 2 + [[np.nan] * 4]}, "`region_boxes`.*row 2"),
        ({"phrase_boxes": [[0, 0, 5, np.inf], [0, 0, 1, 1]]}, "`phrase_boxes`.*row 0"),
        ({"phrase_boxes": [[0, 0, 5, 5], [np.nan, 0, 1, 1]]}, "`phrase_boxes`.*row 1"),
    ],
)
def test_wrong_parts_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        small_grounding(**changes)


@pytest.mark.parametrize("thresholds", [(0, 0), (1.1, 0.3), (0.5, 0.6), (0.5, -0.1)])
def test_wrong_thresholds_are_named(thresholds):
    with pytest.raises(ValueError, match=f"Received: positive_iou={thresholds[0]}, negative_iou"):
        small_grounding().matches_by_iou(*thresholds)
