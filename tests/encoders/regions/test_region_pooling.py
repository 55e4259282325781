"""Tests of pooled regions against the maps of the backbones that they are made of."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_encoder import image_encoder
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.encoders.regions.region_pooling import RegionPooler, squashed
from tb_keras.encoders.regions.roi_align import roi_align
from tests.cases import slow_but

WHOLE = [0.0, 0.0, 1.0, 1.0]
BOXES = [WHOLE, [0.0, 0.0, 0.5, 0.5], [0.3, 0.1, 0.4, 0.9]]
random = np.random.default_rng(0)


def backbone_of(name, size):
    return image_encoder(name, weights=None, size=size).get_layer("backbone")


@pytest.mark.parametrize(
    "name",
    slow_but(
        "efficientnet_lite0_levels",
        cases=[
            "efficientnet_lite0",
            "efficientnet_lite0_levels",
            "keras.applications/MobileNetV2",
        ],
    ),
)
def test_the_whole_picture_has_the_features_of_the_backbone(name):
    backbone = backbone_of(name, 64)
    pixels = tf.constant(random.uniform(0, 255, (2, 64, 64, 3)), tf.float32)
    pooler = RegionPooler(backbone)
    found = pooler(pixels, tf.constant([BOXES, BOXES]))
    assert found.shape == (2, 3, pooler.feature_dim)
    expected = backbone(pixels).numpy()
    unit = expected.max()  # random weights let most networks fade
    np.testing.assert_allclose(found[:, 0] / unit, expected / unit, rtol=1e-3, atol=1e-5)
    assert np.abs(found[:, 0] - found[:, 1]).max() / unit > 0.01  # or this would say little


def test_depths_are_pooled_and_joined():
    pixels = keras.Input((32, 32, 3))
    early = keras.layers.Conv2D(3, 4, strides=4, activation="relu")(pixels)
    late = keras.layers.Conv2D(5, 2, strides=2)(early)
    pools = [keras.layers.GlobalAveragePooling2D()(maps) for maps in (early, late)]
    joined = keras.ops.concatenate(pools, axis=-1)
    backbone = keras.Model(pixels, keras.ops.square(joined), name="backbone")
    some = tf.constant(random.normal(size=(1, 32, 32, 3)), tf.float32)
    boxes = tf.constant([BOXES])
    expected = [
        np.asarray(roi_align(keras.Model(pixels, maps)(some), boxes))[:, :, 0, 0]
        for maps in (early, late)
    ]
    found = RegionPooler(backbone)(some, boxes)
    np.testing.assert_allclose(found, np.concatenate(expected, axis=-1) ** 2, rtol=1e-4, atol=1e-5)


def test_a_picture_is_squashed_whole():
    picture = np.zeros((20, 60, 3), np.uint8)
    picture[:, 30:] = 200
    png = tf.io.encode_png(picture)
    pixels, size = squashed(png, 32, 32)
    np.testing.assert_array_equal(size, [60, 20])
    assert pixels.shape == (32, 32, 3)
    np.testing.assert_allclose(pixels[:, :14], 0, atol=1e-3)
    np.testing.assert_allclose(pixels[:, -14:], 200, atol=1e-3)


def test_a_backbone_without_pooling_is_an_error():
    pixels = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match="`encoder` must average feature maps"):
        RegionPooler(keras.Model(pixels, keras.layers.Flatten()(pixels)))


def test_unknown_features_are_an_error():
    with pytest.raises(ValueError, match="`region_features` must be 'crops' or 'pooled'"):
        RegionEncoder("efficientnet_lite0", weights=None, region_features="pool")
