import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus import boxes
from tb_keras.datasets.grounded_pictures import GroundedPictures, picture_path

side = st.floats(-20, 120, width=16)
box = st.tuples(side, side, side, side).map(
    lambda b: [min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3])]
)
# A picture of 100 x 50: the box of a region must have an area in it.
inside = box.filter(lambda b: boxes.area(boxes.clip(b, (100, 50))) > 0)


@given(data=st.data(), region_boxes=st.lists(inside, max_size=5))
def test_boxes_are_cut_off_and_united(data, region_boxes):
    known = st.sampled_from(range(len(region_boxes))) if region_boxes else st.nothing()
    phrases = data.draw(st.lists(st.lists(known), max_size=4))
    gathered = GroundedPictures()
    picture = gathered.add_picture("a.jpg", (100, 50))
    for number, region_box in enumerate(region_boxes):
        assert gathered.add_region(picture, region_box, "here", number=number) == number
    for regions in phrases:
        gathered.add_phrase(picture, "the same words", regions, regions=regions)
    corpus = gathered.corpus()
    assert corpus.num_texts == len(phrases)
    clipped = [boxes.clip(region_box, (100, 50)) for region_box in region_boxes]
    expected = np.reshape(clipped, (-1, 4)).astype("float32")
    np.testing.assert_array_equal(corpus.grounding.region_boxes, expected)
    for text, regions in enumerate(phrases):
        assert corpus.matches.images_of(text).tolist() == sorted(set(regions))
        own = [expected[region] for region in regions]
        union = boxes.union(own) if own else [np.nan] * 4
        np.testing.assert_array_equal(corpus.grounding.phrase_boxes[text], union)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([5, 0, 4, 9], "b.xml: expected a finite box, from left to right and from top to bottom"),
        ([0, 5, 9, 4], "b.xml: expected a finite box"),
        ([0, 5, np.nan, 4], "b.xml: expected a finite box"),
        ([0, 5, np.inf, 9], "b.xml: expected a finite box"),
        ([3, 5, 3, 9], "b.xml: expected a box with an area in its picture of 10 x 20 pixels"),
        ([10, 5, 12, 9], r"b.xml: .*10 x 20 pixels. Received: \[10.0, 5.0, 12.0, 9.0\] \(xyxy\)"),
        ([0, -5, 9, 0], "b.xml: expected a box with an area"),
    ],
)
def test_a_wrong_box_is_named(wrong, message):
    gathered = GroundedPictures()
    first, second = (gathered.add_picture("a.jpg", size) for size in ((100, 50), (10, 20)))
    gathered.add_region(first, [50, 0, 60, 9], "a.xml")
    gathered.add_region(second, wrong, "b.xml")
    with pytest.raises(ValueError, match=message):
        gathered.corpus()


def test_a_missing_picture_is_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"a picture")
    assert picture_path(tmp_path, "a.jpg", "the list", check=True) == tmp_path / "a.jpg"
    assert picture_path(tmp_path, "b.jpg", "the list", check=False) == tmp_path / "b.jpg"
    with pytest.raises(FileNotFoundError, match=r"b\.jpg', which the list names"):
        picture_path(tmp_path, "b.jpg", "the list", check=True)
