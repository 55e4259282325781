"""Tests of the crops of images against slices in NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.encoders.image.image_crops import MeanOfCrops, TenCrops, WithMirrorImages


def sliced(picture, height, width):
    """The ten crops of one picture, each cut out by itself."""
    below, beside = picture.shape[0] - height, picture.shape[1] - width
    crops = [
        picture[:height, :width],
        picture[:height, beside:],
        picture[below:, :width],
        picture[below:, beside:],
        picture[below // 2 : below // 2 + height, beside // 2 : beside // 2 + width],
    ]
    return [*crops, *(crop[:, ::-1] for crop in crops)]


@given(
    st.integers(1, 3),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.tuples(st.integers(0, 5), st.integers(0, 5)),
    st.sampled_from(["uint8", "float32", "float16"]),
)
def test_crops_are_slices(batch, size, more, dtype):
    shape = (batch, size[0] + more[0], size[1] + more[1], 3)
    pictures = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    crops = TenCrops(*size)(pictures)
    assert keras.backend.standardize_dtype(crops.dtype) == dtype
    expected = [crop for picture in pictures for crop in sliced(picture, *size)]
    np.testing.assert_array_equal(crops, expected)


def test_pixels_keep_their_dtype_under_mixed_precision():
    layer = TenCrops(2, 2, dtype="mixed_bfloat16")
    assert keras.backend.standardize_dtype(layer(np.ones((1, 3, 3, 3), "float32")).dtype) == (
        "float32"
    )


def test_means_of_crops():
    features = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    expected = [features[first : first + 10].mean(axis=0) for first in (0, 10, 20)]
    np.testing.assert_allclose(MeanOfCrops(10)(features), expected, rtol=1e-5, atol=1e-6)


def test_in_a_model_that_is_saved(tmp_path):
    pixels = keras.Input((7, 6, 3))
    crops = TenCrops(4, 5)(pixels)
    assert crops.shape == (None, 4, 5, 3)
    model = keras.Model(pixels, MeanOfCrops(10)(keras.layers.Flatten()(crops)))
    assert model.output_shape == (None, 60)
    pictures = np.random.default_rng(0).normal(size=(2, 7, 6, 3)).astype(np.float32)
    expected = [np.mean(sliced(picture, 4, 5), axis=0).ravel() for picture in pictures]
    np.testing.assert_allclose(model.predict(pictures, verbose=0), expected, atol=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(pictures), model(pictures))


def test_mirror_images_in_a_model_that_is_saved(tmp_path):
    pixels = keras.Input((3, 4, 2))
    both = WithMirrorImages()(pixels)
    assert both.shape == (None, 3, 4, 2)
    model = keras.Model(pixels, MeanOfCrops(2)(keras.layers.Flatten()(both)))
    images = np.random.default_rng(0).normal(size=(5, 3, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(WithMirrorImages()(images)[::2], images)
    np.testing.assert_array_equal(WithMirrorImages()(images)[1::2], images[:, :, ::-1])
    expected = ((images + images[:, :, ::-1]) / 2).reshape(5, -1)
    np.testing.assert_allclose(model(images), expected, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("value", [0, -1, 2.5, "4"])
def test_sizes_are_checked(value):
    with pytest.raises(ValueError, match=r"`height` must be a positive int\. Received: height="):
        TenCrops(value, 4)
    with pytest.raises(ValueError, match=r"`width` must be a positive int\. Received: width="):
        TenCrops(4, value)


def test_a_picture_smaller_than_a_crop():
    with pytest.raises(ValueError, match=r"`inputs` must be images of at least 4 x 5 pixels"):
        TenCrops(4, 5)(keras.Input((4, 4, 3)))
