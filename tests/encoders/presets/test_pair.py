"""Tests of pairs of encoders: towers, pictures and tokens are those of keras-hub's own preset."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import (
    encoder_pair,
    image_encoder,
    last_image_blocks,
    last_text_blocks,
    share_a_space,
    text_encoder,
)
from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.text.text_encoder import text_tokens
from tests.cases import OnDemand, slow_but
from tests.encoders.presets.random_presets import (
    DIM,
    FAMILIES,
    encoded,
    own_tokens,
    wide_and_high,
    write_preset,
)

CASES = slow_but("clip", cases=FAMILIES)
TEXTS = [
    "a photo of a dog",
    "",
    "  The DOG's\t100% wool —\n2023!  ",
    "Ein CAFÉ in Cafe\u0301 ΣΑΣ, İstanbul",
    "犬が走る 🐕🐕 x\x00y",
    "<|endoftext|> a !<|startoftext|>b </s> <pad> <unk>",
    "can't we'll they'VE I'd -- ''s '' ...",
    "the dog and the cat " * 9,
    "a" * 70,
    "x²½٣ ३ Ⅷ a_b\u00a0c\u2003d\u3000e\u200bf\x85g\u1680h",
]


@pytest.fixture(scope="module")
def pairs(presets):
    return OnDemand(lambda family: encoder_pair(presets[family][0]))


@pytest.mark.parametrize("family", CASES)
def test_pictures_are_prepared_as_the_preset_does_it(presets, pairs, family):
    converter = presets[family][2].image_converter
    decode = pairs[family][0].get_layer("decode_images")
    found = decode(encoded(wide_and_high()))
    scaled = found * np.array(converter.scale) + np.array(converter.offset)
    for pixels, ours in zip(wide_and_high(), scaled):
        theirs = converter(pixels.astype("float32"))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)
    assert float(tf.reduce_max(found)) > 256  # nothing is clipped


@pytest.mark.parametrize("family", CASES)
def test_images_are_encoded_by_the_image_tower(presets, pairs, family):
    _, backbone, preprocessor = presets[family]
    pixels = [preprocessor.image_converter(p.astype("float32")) for p in wide_and_high()]
    expected = backbone.get_vision_embeddings(tf.stack(pixels)).numpy()
    encoder = pairs[family][0]
    assert encoder.output_shape[1] == encoder.get_layer("backbone").output_shape[1]
    np.testing.assert_allclose(encoder(encoded(wide_and_high())), expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected, axis=0).min() > 1e-2


@pytest.mark.parametrize("family", CASES)
def test_tokens_are_those_of_the_presets_preprocessor(presets, pairs, family):
    expected = own_tokens(presets[family][2], TEXTS)
    layer = pairs[family][1].get_layer("tokenize")
    ids = layer(tf.constant(TEXTS))["token_ids"].numpy()
    np.testing.assert_array_equal(ids, expected[:, : ids.shape[1]])
    assert (expected[:, ids.shape[1] :] == layer.tokenizer.pad_token_id).all()


@pytest.mark.parametrize("family", CASES)
def test_texts_are_encoded_by_the_text_tower(presets, pairs, family):
    _, backbone, preprocessor = presets[family]
    encoder = pairs[family][1]
    for texts in (TEXTS, TEXTS[:1], TEXTS[1:2], TEXTS[-2:]):
        expected = backbone.get_text_embeddings(own_tokens(preprocessor, texts)).numpy()
        np.testing.assert_allclose(encoder(tf.constant(texts)), expected, rtol=1e-4, atol=1e-5)
    assert encoder.output_shape == (None, 16 if family.startswith("siglip") else DIM)


@pytest.mark.slow
def test_each_tower_has_the_presets_name_too(presets, pairs):
    name, _, preprocessor = presets["clip"]
    files = encoded(wide_and_high())
    np.testing.assert_array_equal(image_encoder(name)(files), pairs["clip"][0](files))
    shorter = text_encoder(name, max_tokens=6)
    tokens = shorter.get_layer("tokenize")(tf.constant(["a photo of a dog and a cat"]))
    expected = preprocessor({"prompts": [TEXTS[0]], "images": np.zeros((1, 9, 9, 3))})
    assert tokens["token_ids"].shape == (1, 6)
    np.testing.assert_array_equal(tokens["token_ids"][0, :4], expected["token_ids"][0][:4])
    assert tokens["token_ids"][0, 5] == preprocessor.tokenizer.end_token_id


def test_what_is_no_pair(presets):
    for name in ("minilm", "keras_hub", "efficientnet_lite0"):
        with pytest.raises(ValueError, match=r"`name` must be keras_hub/PRESET with an image and"):
            encoder_pair(name)
    assert share_a_space(presets["clip"][0], presets["clip"][0])
    assert not share_a_space("minilm", "minilm")
    assert not share_a_space(None, None)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_saves_and_loads(tmp_path, pairs, family):
    for encoder, inputs in zip(pairs[family], (encoded(wide_and_high()), tf.constant(TEXTS))):
        encoder.save(tmp_path / "encoder.keras")
        loaded = keras.saving.load_model(tmp_path / "encoder.keras")
        np.testing.assert_allclose(loaded(inputs), encoder(inputs), atol=1e-6)


@pytest.mark.slow
def test_a_text_tower_may_be_shorter_than_its_preprocessor(tmp_path):
    pytest.importorskip("keras_hub")
    write_preset("clip", tmp_path)
    assert text_tokens(f"keras_hub/{tmp_path}", 128).max_tokens == 20
    (tmp_path / "preprocessor.json").unlink()  # without it keras-hub takes 77
    assert text_tokens(f"keras_hub/{tmp_path}", 128).max_tokens == 20


@pytest.mark.slow
def test_to_set_a_seed_takes_no_vocabulary_away(pairs):
    texts = tf.constant(TEXTS)
    before = pairs["siglip"][1](texts)
    keras.utils.set_random_seed(1)
    np.testing.assert_array_equal(pairs["siglip"][1](texts), before)


@pytest.mark.slow
def test_random_weights_on_demand(presets, pairs):
    files = encoded(wide_and_high())
    images, texts = encoder_pair(presets["clip"][0], weights=None)
    assert np.abs(images(files) - pairs["clip"][0](files)).max() > 1e-3
    assert texts.output_shape == images.output_shape == (None, DIM)


def test_padding_to_the_aspect_ratio_is_refused(tmp_path):
    hub = pytest.importorskip("keras_hub")
    backbone = hub.models.ViTBackbone(
        image_shape=(32, 32, 3), patch_size=8, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    backbone.save_to_preset(tmp_path)
    hub.layers.ViTImageConverter(
        image_size=(32, 32), crop_to_aspect_ratio=False, pad_to_aspect_ratio=True
    ).save_to_preset(tmp_path)
    with pytest.raises(ValueError, match=r"`name` .* does not pad images"):
        image_encoder(f"keras_hub/{tmp_path}")


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest", "lanczos3"])
def test_images_are_resized_as_keras_does_it(interpolation):
    for antialias in (False, True):
        resize = keras.layers.Resizing(
            24, 30, interpolation, crop_to_aspect_ratio=True, antialias=antialias
        )
        decode = DecodeImages(24, 30, interpolation=interpolation, antialias=antialias)
        for pixels, found in zip(wide_and_high(), decode(encoded(wide_and_high()))):
            np.testing.assert_allclose(found, resize(pixels.astype("float32")), atol=1e-3)


@pytest.mark.parametrize("family", CASES)
def test_towers_in_two_parts(presets, pairs, family):
    name = f"{presets[family][0]}[:-1]"
    images, texts = pairs[family]
    rows = image_encoder(name)(encoded(wide_and_high()))
    upper = last_image_blocks(name)
    np.testing.assert_allclose(upper(rows), images(encoded(wide_and_high())), atol=1e-4)
    trained = {"encoder_block_0" in w.path or "embedding" in w.path for w in upper.weights}
    assert trained == {False}
    rows = text_encoder(name)(tf.constant(TEXTS))
    upper = last_text_blocks(name)
    assert rows.shape[1] == upper.input_shape[1]
    np.testing.assert_allclose(upper(rows), texts(tf.constant(TEXTS)), atol=1e-4)
    copied = keras.Model.from_config(upper.get_config())
    copied.set_weights(upper.get_weights())
    np.testing.assert_array_equal(copied(rows), upper(rows))
