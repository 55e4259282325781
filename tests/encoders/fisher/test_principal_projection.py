"""Tests of the projection; what it projects on is tested with the components."""

import keras
import numpy as np

from tb_keras.encoders.fisher.principal_components import principal_components
from tb_keras.encoders.fisher.principal_projection import PrincipalProjection


def test_saved_and_loaded_and_a_row_of_zeros(tmp_path):
    rows = np.random.default_rng(0).standard_normal((50, 30)).astype(np.float32) + 1
    rows[3] = 0
    layer = PrincipalProjection.of(principal_components([rows], 4, verbose=False))
    inputs = keras.Input((30,))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, 4)
    assert not model.trainable_weights
    expected = model(rows).numpy()
    np.testing.assert_array_equal(expected.any(axis=1), np.arange(50) != 3)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras.saving.load_model(tmp_path / "model.keras")(rows).numpy(), expected
    )
