"""Tests of the papers' image features: VGG-19's and ResNet-152's, and the mean over ten crops."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.image.image_encoder import image_encoder


def random_pngs(count, size=40):
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
    return tf.stack([tf.io.encode_png(picture) for picture in pixels])


def blue_green_red(pixels):
    """Preprocessed as these networks were trained: BGR less the means of ImageNet."""
    return (pixels[..., ::-1] - [103.939, 116.779, 123.68]).astype(np.float32)


@pytest.mark.slow
def test_vgg19_fc7(tmp_path):
    """With the weights of a file of the whole network."""
    network = keras.applications.VGG19(weights=None, input_shape=(32, 32, 3))
    network.save_weights(tmp_path / "vgg19.weights.h5")
    encoder = image_encoder("vgg19_fc7", weights=str(tmp_path / "vgg19.weights.h5"), size=32)
    assert encoder.name == "vgg19_fc7"
    assert encoder.output_shape == (None, 4096)
    assert encoder.get_layer("backbone").input_shape == (None, 32, 32, 3)
    files = random_pngs(2)
    fc7 = keras.Model(network.input, network.get_layer("fc2").output)
    expected = fc7(blue_green_red(DecodeImages(32, 32)(files).numpy()))
    np.testing.assert_allclose(encoder(files), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_resnet152():
    encoder = image_encoder("resnet152", weights=None, size=32)
    assert encoder.name == "resnet152"
    assert encoder.output_shape == (None, 2048)
    backbone = encoder.get_layer("backbone")
    (network,) = (layer for layer in backbone.layers if isinstance(layer, keras.Model))
    assert network.name == "resnet152"
    files = random_pngs(2)
    maps = network(blue_green_red(DecodeImages(32, 32)(files).numpy()))
    expected = np.mean(maps, axis=(1, 2))  # what its last layer, avg_pool, does
    np.testing.assert_allclose(encoder(files), expected, rtol=1e-3, atol=1e-4)


def test_published_weights_of_fully_connected_layers_have_one_size():
    with pytest.raises(ValueError, match="`size` must be 224 for the published weights of VGG19"):
        image_encoder("vgg19_fc7", size=64)


def test_weights_that_cannot_be_downloaded(monkeypatch):
    def build(**_):
        raise Exception("URL fetch failure on https://storage.example/weights.h5: None -- no name")

    build.__module__ = keras.applications.ResNet152.__module__
    monkeypatch.setattr(keras.applications, "ResNet152", build)
    with pytest.raises(OSError, match=r"weights of ResNet152 cannot be downloaded; .*weights\.h5"):
        image_encoder("resnet152")


def ten_crops(pixels, size):
    rest = pixels.shape[0] - size
    for top, left in ((0, 0), (0, rest), (rest, 0), (rest, rest), (rest // 2, rest // 2)):
        crop = pixels[top : top + size, left : left + size]
        yield from (crop, crop[:, ::-1])


@pytest.fixture(scope="module")
def encoder_of_crops():
    return image_encoder("efficientnet_lite0", weights=None, size=56, crops=10)


@pytest.mark.slow
def test_ten_crops(encoder_of_crops):
    encoder = encoder_of_crops
    backbone = encoder.get_layer("backbone")
    assert backbone.input_shape == (None, 56, 56, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, 40, 90, 3), np.uint8)
    files = tf.stack([tf.io.encode_png(picture) for picture in pixels])
    whole = keras.layers.Resizing(64, 64, antialias=True)(pixels.astype(np.float32)).numpy()
    crops = np.stack([crop for picture in whole for crop in ten_crops(picture, 56)])
    expected = backbone(crops).numpy().reshape(2, 10, -1).mean(axis=1)
    np.testing.assert_allclose(encoder(files), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(encoder.predict(files, verbose=0), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_ten_crops_are_exported(encoder_of_crops, tmp_path):
    encoder = encoder_of_crops
    files = random_pngs(2)
    expected = encoder(files)
    archive = keras.export.ExportArchive()
    archive.track(encoder)
    archive.add_endpoint("embed", encoder, [tf.TensorSpec((None,), tf.string)])
    archive.write_out(tmp_path / "exported", verbose=False)
    served = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(served.embed(files), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.slow
def test_ten_crops_of_one_color_are_one():
    files = tf.io.encode_png(tf.fill((30, 50, 3), tf.constant(90, tf.uint8)))[None]
    encoder = image_encoder("efficientnet_lite0", weights=None, size=64, crops=10)
    assert encoder.get_layer("decode_images").height == 73
    expected = encoder.get_layer("backbone")(tf.fill((1, 64, 64, 3), 90.0))
    np.testing.assert_allclose(encoder(files), expected, rtol=1e-4, atol=1e-5)


def test_an_image_and_its_mirror_image():
    files = random_pngs(2)
    encoder = image_encoder("efficientnet_lite0", weights=None, size=64, crops=2)
    pixels = encoder.get_layer("decode_images")(files)
    backbone = encoder.get_layer("backbone")
    expected = (backbone(pixels) + backbone(tf.image.flip_left_right(pixels))) / 2
    np.testing.assert_allclose(encoder(files), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("crops", [0, 3, 5, "10", None])
def test_numbers_of_crops(crops):
    with pytest.raises(ValueError, match=r"`crops` must be 1, 2 or 10\. Received: crops="):
        image_encoder("efficientnet_lite0", weights=None, crops=crops)
