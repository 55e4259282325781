"""Tests of the lean forward pass against keras-hub's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.text.lean_bert import LeanBert
from tests.cases import slow_but


def backbone(dtype=None, **sizes):
    import keras_hub

    keras.utils.set_random_seed(0)
    sizes = {"num_layers": 2, "num_heads": 3, "hidden_dim": 12, "intermediate_dim": 20, **sizes}
    made = keras_hub.models.BertBackbone(50, **sizes, max_sequence_length=9, dtype=dtype)
    rng = np.random.default_rng(0)
    made.set_weights(
        [rng.normal(0, 0.3, weight.shape) + (weight.ndim == 1) for weight in made.weights]
    )
    return made


def tokens(rows=4, length=7):
    rng = np.random.default_rng(1)
    lengths = np.arange(rows)[:, None] + length - rows + 1
    mask = (np.arange(length) < lengths).astype("int32")
    ids = rng.integers(1, 50, (rows, length)).astype("int32") * mask
    return {"token_ids": ids, "segment_ids": np.zeros_like(ids), "padding_mask": mask}


def compared(layer, made, asked):
    there = asked["padding_mask"] == 1
    return [
        np.asarray(tf.cast(rows, "float32"))[there]
        for rows in (layer(asked), made(asked)["sequence_output"])
    ]


@pytest.mark.parametrize(
    "sizes", slow_but({}, cases=[{}, {"num_layers": 0}, {"num_heads": 1}, {"dropout": 0.0}])
)
def test_it_gives_what_keras_hub_gives(sizes):
    made = backbone(**sizes)
    for asked in (tokens(), tokens(1, 2), tokens(2, 9)):
        found, expected = compared(LeanBert(made), made, asked)
        np.testing.assert_allclose(found, expected, atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "bfloat16", "mixed_float16"])
def test_other_precisions(dtype):
    made = backbone(dtype)
    layer = LeanBert(made)
    assert layer(tokens()).dtype == made(tokens())["sequence_output"].dtype
    found, expected = compared(layer, made, tokens())
    np.testing.assert_allclose(found, expected, atol=0.1)
    exact = compared(LeanBert(backbone()), backbone(), tokens())[1]
    assert np.abs(found - exact).mean() < 1.5 * np.abs(expected - exact).mean()


def test_padding_changes_nothing():
    layer = LeanBert(backbone())
    asked = tokens(1, 5)
    padded = {name: np.pad(rows, ((0, 0), (0, 3))) for name, rows in asked.items()}
    np.testing.assert_allclose(layer(padded)[:, :5], layer(asked), atol=1e-6)


def test_it_is_saved_and_loaded(tmp_path):
    inputs = {name: keras.Input((None,), dtype="int32", name=name) for name in tokens()}
    layer = LeanBert(backbone(), name="bert")
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, 12)
    assert not model.trainable_weights
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(tokens()), model(tokens()), atol=1e-6)
    assert loaded.get_layer("bert").backbone.count_params() == layer.backbone.count_params()
