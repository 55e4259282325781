import keras
import numpy as np

from tb_keras.encoders.image.efficientnet_levels import efficientnet_lite0_levels
from tb_keras.encoders.image.image_encoder import image_encoder


def test_features_are_the_roots_of_each_depths_means():
    model = efficientnet_lite0_levels(weights=None)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 224, 224, 3)).astype("float32")
    found = model.predict(pixels, verbose=0)
    start = 0
    for name in ("blocks.8.bn1_relu6", "blocks.11.bn0_relu6", "blocks.15.bn1_relu6", "bn1_relu6"):
        maps = keras.Model(model.input, model.get_layer(name).output).predict(pixels, verbose=0)
        expected = np.sqrt(maps.astype("float64").mean(axis=(1, 2)))
        width = expected.shape[1]
        np.testing.assert_allclose(found[:, start : start + width], expected, atol=1e-5)
        start += width
    assert start == found.shape[1] == 3584


def test_is_an_encoder_by_name():
    assert image_encoder("efficientnet_lite0_levels", weights=None).output_shape == (None, 3584)
