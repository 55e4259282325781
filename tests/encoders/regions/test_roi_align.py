"""Tests of RoIAlign against a loop over its samples, and on maps whose answer is known."""

import keras
import numpy as np
import pytest

from tb_keras.encoders.regions.roi_align import roi_align

random = np.random.default_rng(0)
ODD_BOXES = np.array(
    [
        [0, 0, 1, 1],
        [-0.5, 0.2, 0.3, 1.7],  # partly outside
        [1.2, 1.2, 1.4, 1.9],  # outside
        [0.3, 0.6, 0.3, 0.6],  # without area
        [0.9, 0, 1, 0.04],  # in a corner
        [0.7, 0.8, 0.2, 0.1],  # corners exchanged
    ]
)


def looped(maps, boxes, bins, samples):
    """RoIAlign of one picture, sample by sample."""
    height, width, channels = maps.shape
    found = np.zeros((len(boxes), bins, bins, channels))
    for region, (left, top, right, bottom) in enumerate(np.clip(boxes, 0, 1)):
        for row, column in np.ndindex(bins, bins):
            for i, j in np.ndindex(samples, samples):
                y = top + (bottom - top) * (row + (i + 0.5) / samples) / bins
                x = left + (right - left) * (column + (j + 0.5) / samples) / bins
                y = min(max(y * height - 0.5, 0), height - 1)
                x = min(max(x * width - 0.5, 0), width - 1)
                y0, x0 = min(int(y), height - 2), min(int(x), width - 2)
                for a, b in np.ndindex(2, 2):
                    share = abs(1 - a - (y - y0)) * abs(1 - b - (x - x0))
                    found[region, row, column] += share * maps[y0 + a, x0 + b] / samples**2
    return found


@pytest.mark.parametrize("bins", [1, 2, 3])
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_against_a_loop_over_samples(bins, samples):
    maps = random.normal(size=(2, 7, 5, 3)).astype("float32")
    corners = np.sort(random.uniform(-0.1, 1.1, (20, 2, 2)), axis=1).reshape(20, 4)
    boxes = np.stack([np.concatenate([corners, ODD_BOXES]), np.concatenate([ODD_BOXES, corners])])
    found = np.asarray(roi_align(maps, boxes, bins, samples))
    expected = np.stack([looped(m, b, bins, samples) for m, b in zip(maps, boxes)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_constant_map_is_constant():
    found = np.asarray(roi_align(np.full((1, 4, 6, 2), 3.5, "float32"), ODD_BOXES[None], 2))
    np.testing.assert_allclose(found, 3.5, rtol=1e-6)


@pytest.mark.parametrize("bins", [1, 2])
@pytest.mark.parametrize("samples", [1, 3, None])
def test_a_linear_map_gives_the_centres_of_the_bins(bins, samples):
    y, x = np.meshgrid(np.arange(8) + 0.5, np.arange(10) + 0.5, indexing="ij")
    maps = np.stack([x / 10, y / 8], axis=-1).astype("float32")[None]
    corners = np.sort(random.uniform(0.1, 0.9, (30, 2, 2)), axis=1)  # between the outermost centres
    found = np.asarray(roi_align(maps, corners.reshape(1, 30, 4), bins, samples))[0]
    for row, column in np.ndindex(bins, bins):
        share = (np.array([column, row]) + 0.5) / bins
        centres = corners[:, 0] + (corners[:, 1] - corners[:, 0]) * share
        np.testing.assert_allclose(found[:, row, column], centres, atol=1e-6)


def test_a_whole_picture_has_the_mean_of_the_map():
    maps = random.normal(size=(3, 7, 7, 4)).astype("float32")
    found = np.asarray(roi_align(maps, np.tile([0.0, 0.0, 1.0, 1.0], (3, 1, 1))))
    np.testing.assert_allclose(found[:, 0, 0, 0], maps.mean(axis=(1, 2)), atol=1e-6)


def test_no_picture_and_no_region():
    maps = np.zeros((2, 3, 3, 4), "float32")
    assert roi_align(maps, np.zeros((2, 0, 4)), 2).shape == (2, 0, 2, 2, 4)
    assert roi_align(maps[:0], np.zeros((0, 5, 4)), 2).shape == (0, 5, 2, 2, 4)


def test_channels_are_known_in_a_model():
    maps, boxes = keras.Input((5, 5, 3)), keras.Input((None, 4))
    found = keras.layers.Lambda(lambda both: roi_align(*both, 2))([maps, boxes])
    assert found.shape == (None, None, 2, 2, 3)


@pytest.mark.parametrize("name", ["output_size", "sampling_ratio"])
@pytest.mark.parametrize("value", [0, 1.5])
def test_bad_arguments_are_named(name, value):
    with pytest.raises((ValueError, TypeError), match=f"`{name}` must be"):
        roi_align(np.zeros((1, 2, 2, 1)), np.zeros((1, 1, 4)), **{name: value})
