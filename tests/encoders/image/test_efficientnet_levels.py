import keras
import numpy as np

from tb_keras.encoders.image.efficientnet_levels import efficientnet_lite0_levels


def test_features_are_the_roots_of_each_depths_means():
    model = efficientnet_lite0_levels(weights=None, size=64)
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    layers = ("blocks.8.bn1_relu6", "blocks.11.bn0_relu6", "blocks.15.bn1_relu6", "bn1_relu6")
    outputs = [model.output, *(model.get_layer(name).output for name in layers)]
    found, *depths = keras.Model(model.input, outputs).predict_on_batch(pixels)
    start = 0
    for maps in depths:
        expected = np.sqrt(maps.astype("float64").mean(axis=(1, 2)))
        width = expected.shape[1]
        np.testing.assert_allclose(found[:, start : start + width], expected, atol=1e-5)
        start += width
    assert start == found.shape[1] == 3584
