import keras
import numpy as np
import pytest
from keras.layers import GlobalAveragePooling2D

from tb_keras.encoders.image.efficientnet_levels import efficientnet_levels


def test_features_are_the_roots_of_each_depths_means():
    model = efficientnet_levels("lite0", weights=None, size=64)
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


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["lite1", "lite2"])
def test_the_depths_of_all_variants_are_alike(variant):
    model = efficientnet_levels(variant, weights=None, size=64)
    pooled = [layer for layer in model.layers if isinstance(layer, GlobalAveragePooling2D)]
    assert [layer.input.shape[1] for layer in pooled if layer.name != "features"] == [4, 4, 2, 2]
