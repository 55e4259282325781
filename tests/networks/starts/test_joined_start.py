"""Tests of two starts side by side: their cosines are averaged."""

import keras
import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork, IdentityStart, JoinedStart, LinearStart
from tests.networks.starts.test_identity_start import IMAGES, TEXTS, unit


def linear(seed, dim=5):
    rng = np.random.default_rng(seed)
    return LinearStart(rng.normal(size=dim), rng.uniform(0.5, 2, dim), rng.normal(size=(dim, 3)))


def cosines(matrices):
    images, texts = (
        unit((rows - start.mean.numpy()) / start.deviation.numpy() @ start.directions.numpy())
        for rows, start in zip((IMAGES, TEXTS), matrices)
    )
    return images @ texts.T


def joined_network(matrices, weight, **settings):
    starts = [JoinedStart(IdentityStart(5), matrix, weight) for matrix in matrices]
    views = dict(zip(("image_start", "text_start"), starts))
    return EmbeddingNetwork(5, 5, **{"hidden_dim": 0, **views, **settings})


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_cosines_of_both_are_averaged(weight):
    matrices = linear(1), linear(2)
    network = joined_network(matrices, weight)
    expected = (1 - weight) * unit(IMAGES) @ unit(TEXTS).T + weight * cosines(matrices)
    np.testing.assert_allclose(network.score_matrix(IMAGES, TEXTS), expected, atol=1e-5)
    assert network.embedding_dim == 8


def test_its_scale_is_the_root_of_its_mean_square():
    start = JoinedStart(IdentityStart(5), linear(1), 0.4)
    rows = start(IMAGES).numpy()
    np.testing.assert_allclose(np.sqrt(np.mean(rows**2)), start.scale, rtol=1e-5)
    start.trainable = True
    assert start.trainable_weights == []


def test_saved_and_loaded(tmp_path):
    network = joined_network((linear(1), linear(2)), 0.3, hidden_dim=4)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.get_config() == network.get_config()
    np.testing.assert_array_equal(
        loaded.score_matrix(IMAGES, TEXTS), network.score_matrix(IMAGES, TEXTS)
    )


@pytest.mark.parametrize(
    ("second", "weight", "message"),
    [
        (IdentityStart(4), 0.5, "`second` must take 5 features, as `first` does. Received: .* 4"),
        (IdentityStart(5), 1.5, r"`weight` must be in \[0, 1\]. Received: weight=1.5"),
    ],
)
def test_bad_arguments(second, weight, message):
    with pytest.raises(ValueError, match=message):
        JoinedStart(IdentityStart(5), second, weight)
