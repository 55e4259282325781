"""Tests of networks whose branches have a start, against NumPy."""

import keras
import numpy as np
import pytest

from tb_keras.losses import BidirectionalRanking
from tb_keras.networks import EmbeddingNetwork, KernelStart, LinearStart, SimilarityNetwork
from tb_keras.training import attach_losses


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def linear_start(rng, dim, size=3, **settings):
    arrays = rng.normal(size=dim), rng.uniform(0.5, 2, dim), rng.normal(size=(dim, size))
    return LinearStart(*arrays, **settings), arrays


def started(rng, noise=0.0, kind=EmbeddingNetwork, scale=1.0, **settings):
    """A network of linear starts, and their arrays."""
    found = {view: linear_start(rng, dim, scale=scale) for view, dim in (("image", 6), ("text", 4))}
    starts = {f"{view}_start": start for view, (start, _) in found.items()}
    network = kind(6, 4, hidden_dim=8, dropout=0.0, noise=noise, **starts, **settings)
    return network, {view: arrays for view, (_, arrays) in found.items()}


def test_an_untrained_network_is_the_linear_one():
    rng = np.random.default_rng(0)
    network, maps = started(rng)
    for view, embed in (("image", network.embed_images), ("text", network.embed_texts)):
        mean, deviation, directions = maps[view]
        rows = rng.normal(size=(7, len(mean)))
        np.testing.assert_allclose(
            embed(rows), unit((rows - mean) / deviation @ directions), rtol=1e-4, atol=1e-5
        )


def test_the_layers_stand_on_the_map_and_are_added_to_it():
    rng = np.random.default_rng(1)
    network, (mean, deviation, directions) = (lambda n, m: (n, m["image"]))(*started(rng))
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
    starts, arrays = {}, {}
    for view, dim, count in (("image", 6, 5), ("text", 4, 7)):
        mean, deviation = rng.normal(size=dim), rng.uniform(0.5, 2, dim)
        landmarks, centre = unit(rng.normal(size=(count, dim))), rng.random(count)
        directions = rng.normal(size=(count, 3))
        arrays[view] = mean, deviation, landmarks, 0.7, centre, directions
        starts[f"{view}_start"] = KernelStart(*arrays[view])
    network = EmbeddingNetwork(6, 4, hidden_dim=8, **starts)
    for view, embed in (("image", network.embed_images), ("text", network.embed_texts)):
        mean, deviation, landmarks, gamma, centre, directions = arrays[view]
        rows = rng.normal(size=(8, len(mean)))
        standard = unit((rows - mean) / deviation)
        squares = np.square(standard[:, None] - landmarks).sum(axis=2)
        expected = unit((np.exp(-gamma * squares) - centre) @ directions)
        np.testing.assert_allclose(embed(rows), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_training_leaves_the_map_and_moves_the_layers():
    rng = np.random.default_rng(2)
    network, maps = started(rng, noise=0.5)
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
    directions = network.image_start.directions
    np.testing.assert_array_equal(directions, maps["image"][2].astype("float32"))
    assert np.abs(network.embed_images(images) - before).max() > 0.01


def similarity_network(seed):
    return started(np.random.default_rng(seed), kind=SimilarityNetwork, joint_dims=(7, 5))[0]


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


@pytest.mark.parametrize("scale", [0.1, 10.0])
def test_noise_is_in_units_of_the_scale(scale):
    rows = np.random.default_rng(1).normal(size=(4000, 6)).astype("float32")
    network, _ = started(np.random.default_rng(0), noise=0.5, scale=scale)
    branch = network.image_branch
    noisy = keras.Model(branch.input, branch.get_layer("feature_noise").output)
    given = network.image_start(rows) / scale
    np.testing.assert_allclose(noisy(rows), given, rtol=1e-5)
    assert np.std(noisy(rows, training=True) - given) == pytest.approx(0.5, rel=0.05)
    assert network.noise == 0.5
    np.testing.assert_allclose(
        network.embed_images(rows[:5]), unit(given[:5]), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("kind", [EmbeddingNetwork, SimilarityNetwork])
def test_one_branch_may_have_a_start_and_the_other_random_weights(kind):
    rng = np.random.default_rng(0)
    start, (mean, deviation, directions) = linear_start(rng, 6)
    network = kind(6, 4, hidden_dim=8, image_start=start)
    assert (network.embedding_dim, network.text_start) == (3, None)
    images, texts = rng.normal(size=(9, 6)), rng.normal(size=(9, 4))
    expected = unit((images - mean) / deviation @ directions)
    np.testing.assert_allclose(network.embed_images(images), expected, rtol=1e-4, atol=1e-5)
    network.standardize(images + 9, texts)  # leaves the start as it is
    np.testing.assert_allclose(network.embed_images(images), expected, rtol=1e-4, atol=1e-5)
    layer = network.text_branch.get_layer("standardize")
    np.testing.assert_allclose(layer.mean, texts.mean(axis=0), rtol=1e-5)
    assert network.score(images, texts).shape == (9,)


def test_the_starts_are_saved_with_the_network(tmp_path):
    network, _ = started(np.random.default_rng(3), scale=0.5)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert type(loaded.image_start) is LinearStart
    assert loaded.text_start.scale == 0.5
    assert loaded.get_config() == network.get_config()
    assert [w.shape for w in loaded.weights] == [w.shape for w in network.weights]
    rows = np.random.default_rng(4).normal(size=(5, 4))
    np.testing.assert_array_equal(loaded.embed_texts(rows), network.embed_texts(rows))
    config = EmbeddingNetwork(6, 4, 8, 3).get_config()
    assert config["image_start"] is config["text_start"] is None
    names = [layer.name for layer in EmbeddingNetwork.from_config(config).image_branch.layers]
    assert "shortcut" not in names


def words(dim):
    inputs = keras.Input((dim,), dtype="int32")
    return keras.Model(inputs, keras.layers.Flatten()(keras.layers.Embedding(9, 2)(inputs)))


def start(dim, size=3):
    return linear_start(np.random.default_rng(0), dim, size)[0]


BOTH = start(6)


@pytest.mark.parametrize("kind", [EmbeddingNetwork, SimilarityNetwork])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"text_start": start(4), "text_encoder": words(4)},
            "`text_start` must take 8 features, those of the texts.*a start from 4 features",
        ),
        (
            {"image_start": start(6), "embedding_dim": 4},
            "`image_start` must have the size of the embeddings, 4. Received: a start of size 3",
        ),
        (
            {"image_start": start(6), "text_start": start(4, size=2)},
            "`text_start` must have the size of the embeddings, 3. Received: a start of size 2",
        ),
        (
            {"text_start": start(6)},
            "`text_start` must take 4 features, those of the texts.*a start from 6 features",
        ),
        (
            {"image_start": BOTH, "text_start": BOTH},
            "`image_start` and `text_start` must be two layers",
        ),
        ({"image_start": words(6)}, "`image_start` must be a `BranchStart`. Received: <Functional"),
        ({"hidden_dim": 0}, "`hidden_dim` must be a positive int. Received: hidden_dim=0"),
        ({"hidden_dim": 0, "image_start": start(6)}, "`hidden_dim` must be a positive int"),
    ],
)
def test_wrong_arguments_are_named(kind, settings, message):
    with pytest.raises(ValueError, match=message):
        kind(6, 4, **settings)
