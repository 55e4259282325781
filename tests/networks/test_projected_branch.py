"""Tests of branches that start from a fixed linear map, against NumPy."""

import keras
import numpy as np
import pytest

from tb_keras.losses import BidirectionalRanking
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import attach_losses


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def projected(rng, noise=0.0, kind=EmbeddingNetwork, **settings):
    sizes = {"hidden_dim": 8, "embedding_dim": 3, "dropout": 0.0}
    network = kind(6, 4, **sizes, noise=noise, projected=True, **settings)
    maps = {}
    for view, dim in (("image", 6), ("text", 4)):
        maps[view] = rng.normal(size=dim), rng.uniform(0.5, 2, dim), rng.normal(size=(dim, 3))
        network.set_projection(view, *maps[view])
    return network, maps


def test_an_untrained_network_is_the_linear_one():
    rng = np.random.default_rng(0)
    network, maps = projected(rng)
    for view, embed in (("image", network.embed_images), ("text", network.embed_texts)):
        mean, deviation, directions = maps[view]
        rows = rng.normal(size=(7, len(mean)))
        np.testing.assert_allclose(
            embed(rows), unit((rows - mean) / deviation @ directions), rtol=1e-4, atol=1e-5
        )


def test_the_layers_stand_on_the_map_and_are_added_to_it():
    rng = np.random.default_rng(1)
    network, (mean, deviation, directions) = (lambda n, m: (n, m["image"]))(*projected(rng))
    branch = network.image_branch
    output, bias = rng.normal(size=(8, 3)), rng.normal(size=3)
    branch.get_layer("embedding").set_weights([output, bias])
    kernel, shift = branch.get_layer("hidden").get_weights()
    rows = rng.normal(size=(5, 6))
    mapped = (rows - mean) / deviation @ directions
    hidden = np.maximum((mapped @ kernel + shift) / np.sqrt(1 + 1e-3), 0)
    expected = unit(mapped + hidden @ output + bias)
    np.testing.assert_allclose(network.embed_images(rows), expected, rtol=1e-4, atol=1e-5)


def test_a_map_of_radial_basis_functions():
    rng = np.random.default_rng(5)
    network = EmbeddingNetwork(
        6, 4, hidden_dim=8, embedding_dim=3, projected=True, image_landmarks=5, text_landmarks=7
    )
    for view, dim, count, embed in (
        ("image", 6, 5, network.embed_images),
        ("text", 4, 7, network.embed_texts),
    ):
        mean, deviation = rng.normal(size=dim), rng.uniform(0.5, 2, dim)
        landmarks, centre = unit(rng.normal(size=(count, dim))), rng.random(count)
        directions = rng.normal(size=(count, 3))
        network.set_projection(view, mean, deviation, directions, (landmarks, 0.7, centre))
        rows = rng.normal(size=(8, dim))
        standard = unit((rows - mean) / deviation)
        squares = np.square(standard[:, None] - landmarks).sum(axis=2)
        expected = unit((np.exp(-0.7 * squares) - centre) @ directions)
        np.testing.assert_allclose(embed(rows), expected, rtol=1e-3, atol=1e-4)


def test_training_leaves_the_map_and_moves_the_layers():
    rng = np.random.default_rng(2)
    network, maps = projected(rng, noise=0.5)
    model = attach_losses(network, BidirectionalRanking(margin=0.5))
    model.compile(keras.optimizers.Adam(0.01))
    images = rng.normal(size=(6, 6)).astype("float32")
    masks = {"matches": np.eye(6, dtype=bool), "negatives": ~np.eye(6, dtype=bool)}
    views = {"text_negatives": masks["negatives"], "image_negatives": masks["negatives"]}
    batch = {"image": images, "text": images[:, :4], **masks, **views}
    before = network.embed_images(images)
    first = model.evaluate(batch, verbose=0, batch_size=6, return_dict=True)["loss"]
    model.fit(batch, epochs=30, batch_size=6, shuffle=False, verbose=0)
    last = model.evaluate(batch, verbose=0, batch_size=6, return_dict=True)["loss"]
    assert last < first
    kernel = network.image_branch.get_layer("projection").kernel
    np.testing.assert_array_equal(kernel, maps["image"][2].astype("float32"))
    assert np.abs(network.embed_images(images) - before).max() > 0.01


def similarity_network(seed):
    return projected(np.random.default_rng(seed), kind=SimilarityNetwork, joint_dims=(7, 5))[0]


def test_the_scores_of_an_untrained_similarity_network_rise_with_the_cosines():
    network, rng = similarity_network(6), np.random.default_rng(7)
    images, texts = rng.normal(size=(5, 6)), rng.normal(size=(4, 4))
    cosines = network.embed_images(images) @ network.embed_texts(texts).T
    scores = network.score_matrix(images, texts)
    np.testing.assert_allclose(scores, 10 * cosines - 3, rtol=1e-4, atol=1e-4)


def test_what_the_layers_after_the_product_make_of_it_is_added_to_the_logit(tmp_path):
    network, rng = similarity_network(8), np.random.default_rng(9)
    images, texts = rng.normal(size=(5, 6)), rng.normal(size=(5, 4))
    before = network.score(images, texts)
    network.fusion.get_layer("score").set_weights([rng.normal(size=(5, 1)), np.full(1, 0.25)])
    layers = keras.Model(network.fusion.inputs, network.fusion.get_layer("score").output)
    pairs = [network.embed_images(images), network.embed_texts(texts)]
    added = layers.predict_on_batch(pairs)[:, 0]
    assert np.ptp(added) > 0.01
    np.testing.assert_allclose(network.score(images, texts), before + added, rtol=1e-4, atol=1e-5)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded.score(images, texts), network.score(images, texts))


def test_the_config_says_so_and_older_ones_mean_no_map(tmp_path):
    network, _ = projected(np.random.default_rng(3))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.settings["projected"] is True
    rows = np.random.default_rng(4).normal(size=(5, 4))
    np.testing.assert_array_equal(loaded.embed_texts(rows), network.embed_texts(rows))
    config = EmbeddingNetwork(6, 4, 8, 3).get_config()
    for added_later in ("projected", "image_landmarks", "text_landmarks"):
        assert not config.pop(added_later)
    names = [layer.name for layer in EmbeddingNetwork.from_config(config).image_branch.layers]
    assert "projection" not in names


def words(dim):
    inputs = keras.Input((dim,), dtype="int32")
    return keras.Model(inputs, keras.layers.Flatten()(keras.layers.Embedding(9, 2)(inputs)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: projected(np.random.default_rng(0))[0].set_projection("word", 0, 1, 0), "'word'"),
        (
            lambda: EmbeddingNetwork(6, 4, 8, 3, projected=True, text_encoder=words(4)),
            "`projected` must be False with a `text_encoder`",
        ),
        (
            lambda: SimilarityNetwork(6, 4, 8, 3, (2,), projected=True, text_encoder=words(4)),
            "`projected` must be False with a `text_encoder`",
        ),
        (
            lambda: SimilarityNetwork(6, 4, 8, 3, (2,), image_landmarks=5),
            "`image_landmarks` must be 0 where `projected` is False. Received: 5",
        ),
        (
            lambda: EmbeddingNetwork(6, 4, 8, 3).set_projection("text", [0] * 4, [1] * 4, 0),
            "`projected` must have been True",
        ),
        (
            lambda: EmbeddingNetwork(6, 4, 8, 3, text_landmarks=5),
            "`text_landmarks` must be 0 where `projected` is False. Received: 5",
        ),
        (
            lambda: EmbeddingNetwork(6, 4, 8, 3, projected=True, image_landmarks=-1),
            "`image_landmarks` must be a non-negative int",
        ),
        (
            lambda: EmbeddingNetwork(6, 4, 8, 3, projected=True, image_landmarks=2).set_projection(
                "image", [0] * 6, [1] * 6, np.ones((2, 3))
            ),
            "`kernel` must be given for a branch with landmarks.*no kernel, image_landmarks=2",
        ),
        (
            lambda: projected(np.random.default_rng(0))[0].set_projection(
                "text", [0] * 4, [1] * 4, np.ones((2, 3)), (np.ones((2, 4)), 0.5, [0, 0])
            ),
            "`kernel` must be given for a branch with landmarks.*a kernel, text_landmarks=0",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
