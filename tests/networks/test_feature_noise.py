import numpy as np

from tb_keras.networks import EmbeddingNetwork


def test_noise_is_there_in_training_alone_and_survives_saving():
    network = EmbeddingNetwork(6, 4, hidden_dim=8, embedding_dim=5, dropout=0.0, noise=1.0)
    rows = np.ones((64, 6), "float32")
    quiet = network.image_branch(rows, training=False).numpy()
    np.testing.assert_array_equal(quiet, network.image_branch(rows, training=False).numpy())
    assert np.ptp(quiet, axis=0).max() < 1e-6
    assert np.ptp(network.image_branch(rows, training=True).numpy(), axis=0).max() > 0.1
    assert EmbeddingNetwork.from_config(network.get_config()).noise == 1.0
