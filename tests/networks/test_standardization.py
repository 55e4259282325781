import keras
import numpy as np

from tb_keras.networks import EmbeddingNetwork, Standardization


def test_adapted_features_have_mean_zero_and_deviation_one():
    features = np.random.default_rng(0).normal(3.0, [1.0, 10.0, 0.1], (9000, 3))
    layer = Standardization()
    layer.build((None, 3))
    layer.adapt(features.astype("float32"))
    found = layer(features.astype("float32")).numpy()
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-2)


def test_a_dimension_that_did_not_vary_is_not_blown_up():
    layer = Standardization()
    layer.build((None, 2))
    layer.adapt(np.array([[5.0, -1.0], [5.0, 1.0]], "float32"))
    assert np.abs(layer(np.array([[5.1, 0.0]], "float32")).numpy()).max() < 50


def test_a_function_traced_before_sees_the_new_statistics_and_so_does_a_saved_network(tmp_path):
    rng = np.random.default_rng(0)
    images, texts = rng.normal(3, 5, (20, 6)), rng.normal(size=(20, 4))
    network = EmbeddingNetwork(6, 4, hidden_dim=8, embedding_dim=5)
    before = network.embed_images(images)
    network.standardize(images, texts)
    after = network.embed_images(images)
    assert np.abs(before - after).max() > 1e-3
    assert not any("standardize" in w.path for w in network.trainable_weights)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded.embed_images(images), after)
