"""Tests of the start that leaves features as they are: a network of it gives plain cosines."""

import keras
import numpy as np
import pytest

from tb_keras.networks import EmbeddingNetwork, IdentityStart

RNG = np.random.default_rng(0)
IMAGES, TEXTS = 3 * RNG.normal(size=(6, 5)) + 1, RNG.normal(size=(8, 5))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("hidden_dim", [0, 4])
def test_an_untrained_network_gives_the_cosines_of_the_features(hidden_dim, tmp_path):
    starts = {f"{view}_start": IdentityStart(5, scale=2.5) for view in ("image", "text")}
    network = EmbeddingNetwork(5, 5, hidden_dim=hidden_dim, noise=0.1, **starts)
    expected = unit(IMAGES) @ unit(TEXTS).T
    np.testing.assert_allclose(network.score_matrix(IMAGES, TEXTS), expected, atol=1e-6)
    assert network.embedding_dim == 5
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.image_start.scale == 2.5
    np.testing.assert_allclose(loaded.score_matrix(IMAGES, TEXTS), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"feature_dim": 0}, "`feature_dim` must be a positive int"),
        ({"feature_dim": 3, "scale": 0.0}, "`scale` must be a positive float"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        IdentityStart(**arguments)
