"""Tests of the crops of regions against bilinear interpolation written out in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.regions.region_cropping import crop_regions
from tests.cases import examples


def random_pixels(height, width, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (height, width, 3)).astype(np.float32)


def crop(pixels, box, height, width):
    crops = crop_regions(
        tf.constant(pixels, tf.float32), tf.constant([box], tf.float32), height, width
    )
    assert crops.shape == (1, height, width, 3)
    assert crops.dtype == tf.float32
    return crops[0].numpy()


def bilinear(pixels, x, y):
    """The picture at one point: pixel centres are at halves, and beyond them the edge goes on."""
    height, width = pixels.shape[:2]
    x, y = np.clip(x - 0.5, 0, width - 1), np.clip(y - 0.5, 0, height - 1)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    above = pixels[top, left] * (left + 1 - x) + pixels[top, right] * (x - left)
    below = pixels[bottom, left] * (left + 1 - x) + pixels[bottom, right] * (x - left)
    return above * (top + 1 - y) + below * (y - top)


def expected(pixels, box, height, width):
    pixels = pixels.astype(np.float64)
    left, right = np.clip(box[::2], 0, pixels.shape[1])
    top, bottom = np.clip(box[1::2], 0, pixels.shape[0])
    found = np.zeros((height, width, 3))
    for row in range(2 * height):
        for column in range(2 * width):
            x = left + (right - left) * (column + 0.5) / (2 * width)
            y = top + (bottom - top) * (row + 0.5) / (2 * height)
            found[row // 2, column // 2] += bilinear(pixels, x, y) / 4
    return found


coordinates = st.lists(st.floats(-8, 24, width=32), min_size=2, max_size=2).map(sorted)


@given(
    st.integers(1, 16),
    st.integers(1, 16),
    coordinates,
    coordinates,
    st.integers(1, 5),
    st.integers(1, 5),
)
@examples(100)
def test_any_box_of_any_picture(height, width, columns, rows, to_height, to_width):
    pixels = random_pixels(height, width)
    box = (columns[0], rows[0], columns[1], rows[1])
    found = crop(pixels, box, to_height, to_width)
    np.testing.assert_allclose(found, expected(pixels, box, to_height, to_width), atol=0.02)


def test_a_box_at_half_its_size_gives_the_means_of_its_pixels():
    pixels = random_pixels(20, 30)
    means = pixels[4:16, 6:26].reshape(6, 2, 10, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crop(pixels, (6, 4, 26, 16), 6, 10), means, atol=0.01)


def test_a_box_at_its_own_size_gives_the_picture_interpolated_within_each_pixel():
    """Of the interpolated picture a pixel's mean is 3/4 its own value and 1/8 each neighbour's."""
    pixels = random_pixels(20, 30)
    around = np.pad(pixels, [(0, 0), (1, 1), (0, 0)], "edge")
    blurred = 0.75 * pixels + 0.125 * (around[:, :-2] + around[:, 2:])
    around = np.pad(blurred, [(1, 1), (0, 0), (0, 0)], "edge")
    blurred = 0.75 * blurred + 0.125 * (around[:-2] + around[2:])
    np.testing.assert_allclose(crop(pixels, (0, 0, 30, 20), 20, 30), blurred, atol=0.01)
    np.testing.assert_allclose(crop(pixels, (6, 4, 26, 16), 12, 20), blurred[4:16, 6:26], atol=0.01)


@given(
    st.tuples(st.floats(1, 19, width=32), st.floats(1, 29, width=32)),
    st.tuples(st.floats(0, 1, width=32), st.floats(0, 1, width=32)),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_a_ramp_stays_a_ramp(corner, shares, height, width):
    rows, columns = np.indices((20, 30)) + 0.5
    pixels = np.stack([columns, rows, 3 * columns - 2 * rows], axis=2)
    top, left = corner
    bottom, right = top + shares[0] * (19 - top), left + shares[1] * (29 - left)
    y = top + (bottom - top) * (np.arange(height)[:, None] + 0.5) / height
    x = left + (right - left) * (np.arange(width) + 0.5) / width
    ramp = np.stack(np.broadcast_arrays(x, y, 3 * x - 2 * y), axis=2)
    np.testing.assert_allclose(
        crop(pixels, (left, top, right, bottom), height, width), ramp, atol=1e-3
    )


@pytest.mark.parametrize(
    "box", [(0, 0, 7, 5), (0.3, 0.2, 0.4, 4.9), (-50, -50, 50, 50), (6, 4, 9, 9)]
)
def test_a_picture_of_one_color_stays_so(box):
    pixels = np.full((5, 7, 3), (200, 100, 50), np.float32)
    np.testing.assert_allclose(crop(pixels, box, 3, 4), pixels[:3, :4], rtol=1e-6)


def test_what_lies_outside_the_picture_is_cut_off():
    pixels = random_pixels(10, 12)
    np.testing.assert_array_equal(
        crop(pixels, (-5, 3, 40, 99), 4, 4), crop(pixels, (0, 3, 12, 10), 4, 4)
    )


@pytest.mark.parametrize(
    ("box", "corner"),
    [((-9, -9, -3, -3), (0, 0)), ((20, 20, 30, 30), (9, 11)), ((-5, 12, -1, 14), (9, 0))],
)
def test_a_box_outside_the_picture_gives_the_nearest_pixel(box, corner):
    pixels = random_pixels(10, 12)
    nearest = np.broadcast_to(pixels[corner], (2, 3, 3))
    np.testing.assert_allclose(crop(pixels, box, 2, 3), nearest, rtol=1e-6)


def test_an_empty_box_gives_the_picture_at_its_point():
    pixels = random_pixels(10, 12)
    point = np.broadcast_to(bilinear(pixels, 3.25, 4.75), (2, 2, 3))
    np.testing.assert_allclose(crop(pixels, (3.25, 4.75, 3.25, 4.75), 2, 2), point, atol=1e-3)


def test_a_picture_of_one_pixel():
    pixels = np.array([[[1.0, 2.0, 3.0]]])
    for box in ((0, 0, 1, 1), (0.2, 0.3, 0.4, 0.9), (0, 0, 0, 0), (-1, -1, 2, 2)):
        np.testing.assert_allclose(
            crop(pixels, box, 2, 2), np.broadcast_to(pixels, (2, 2, 3)), rtol=1e-6
        )


def test_each_region_by_itself_in_a_graph_of_unknown_sizes():
    signature = [tf.TensorSpec((None, None, 3)), tf.TensorSpec((None, 4))]
    crops_of = tf.function(lambda pixels, boxes: crop_regions(pixels, boxes, 3, 5), signature)
    pixels = random_pixels(10, 12)
    boxes = np.array([[0, 0, 12, 10], [3, 2, 5, 8], [1, 1, 1, 1], [-3, 2, 4, 40]], np.float32)
    crops = crops_of(pixels, boxes)
    assert crops.shape == (4, 3, 5, 3)
    for found, box in zip(crops, boxes, strict=True):
        np.testing.assert_allclose(found, crop(pixels, box, 3, 5), atol=1e-4)
    assert crops_of(pixels, boxes[:0]).shape == (0, 3, 5, 3)
