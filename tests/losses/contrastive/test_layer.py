"""Tests of the contrastive losses as layers: their learned scalars, metrics, and models around."""

import random
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.batching import neighborhood_batches
from tb_keras.losses import InfoNCE, PairwiseSigmoid, info_nce_loss, pairwise_sigmoid_loss
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import attach_losses
from tb_keras.training.callbacks.training_backup import TrainingBackup
from tests.losses.contrastive import oracle
from tests.losses.contrastive.test_loss import batch
from tests.training.toy_corpora import retrieval_corpus

LAYERS = [
    (InfoNCE, info_nce_loss, oracle.info_nce, {"temperature": 0.2}),
    (
        PairwiseSigmoid,
        pairwise_sigmoid_loss,
        oracle.pairwise_sigmoid,
        {"temperature": 0.2, "bias": -2.0},
    ),
]
each_layer = pytest.mark.parametrize(
    ("kind", "function", "by_loops", "chosen"), LAYERS, ids=["info_nce", "sigmoid"]
)
each_kind = pytest.mark.parametrize("kind", [InfoNCE, PairwiseSigmoid])
LOSS_METRIC = {InfoNCE: "info_nce", PairwiseSigmoid: "sigmoid"}


def model_and_batches(layer, optimizer, seed=0, **compiled):
    random.seed(seed)  # Keras draws the seeds of its layers from it
    network = EmbeddingNetwork(7, 7, hidden_dim=16, embedding_dim=6, dropout=0.1)
    model = attach_losses(network, layer)
    model.compile(optimizer, **compiled)
    return network, model, neighborhood_batches(retrieval_corpus(24, seed=0), 12)


@each_layer
@pytest.mark.parametrize("learned", [True, False])
def test_the_layer_is_the_function(kind, function, by_loops, chosen, learned):
    images, texts, matches, negatives = batch()
    layer = kind(**chosen, learned=learned)
    found = layer([images, texts, matches, negatives, np.ones((2, 2), bool)])  # the last unused
    expected = function(images, texts, matches, negatives=negatives, **chosen)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(layer.losses, [expected], rtol=1e-6)
    np.testing.assert_allclose(found, by_loops(images, texts, matches, negatives, **chosen), 1e-5)
    assert len(layer.trainable_weights) == (len(chosen) if learned else 0)


@each_layer
def test_the_first_settings_are_those_of_the_function(kind, function, by_loops, chosen):
    images, texts, matches, _ = batch()
    expected = function(images, texts, matches)
    for inputs in ([images, texts, matches], [images, texts, matches, None]):
        np.testing.assert_allclose(kind()(inputs), expected, rtol=1e-5)


@each_layer
def test_gradients_of_the_learned_scalars_are_those_of_finite_differences(
    kind, function, by_loops, chosen
):
    inputs = batch()
    layer = kind(**chosen)
    with tf.GradientTape() as tape:
        loss = layer(list(inputs))
    found = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
    of_settings = oracle.gradient(by_loops, *inputs, **chosen)[2:]
    expected = [-chosen["temperature"] * of_settings[0], *of_settings[1:]]  # of log 1/temperature
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@each_layer
def test_config_round_trip(kind, function, by_loops, chosen):
    layer = kind(**chosen, learned=False, name="contrastive")
    config = layer.get_config()
    settings = {**chosen, "learned": False}
    assert {name: config[name] for name in settings} == settings
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(restored) is kind
    assert restored.get_config() == config
    inputs = list(batch())
    np.testing.assert_array_equal(restored(inputs), layer(inputs))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "jit_compile"), [(InfoNCE, False), (PairwiseSigmoid, True)])
def test_training_reduces_the_loss_and_learns_the_scalars(kind, jit_compile):
    layer = kind()
    network, model, batches = model_and_batches(
        layer, keras.optimizers.Adam(0.01), jit_compile=jit_compile
    )
    learned = {id(w) for w in model.trainable_weights} - {id(w) for w in network.trainable_weights}
    assert learned == {id(weight) for weight in layer.trainable_weights}
    first = [float(weight) for weight in layer.trainable_weights]
    history = model.fit(batches, epochs=8, shuffle=False, verbose=0).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    np.testing.assert_allclose(history[LOSS_METRIC[kind]], history["loss"], rtol=1e-5)
    for weight, before in zip(layer.trainable_weights, first):
        assert abs(float(weight) - before) > 1e-3


@each_kind
def test_metrics_are_the_means_of_an_epoch(kind):
    """With a learning rate of zero both epochs have the first values, if metrics are reset."""
    layer = kind(temperature=0.2)
    _, model, batches = model_and_batches(layer, keras.optimizers.SGD(0.0))
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["temperature"], [0.2, 0.2], rtol=1e-6)
    if kind is PairwiseSigmoid:
        np.testing.assert_allclose(history["bias"], [-10, -10], rtol=1e-6)
    assert set(history) == {"loss", *(metric.name for metric in layer.metrics)}


@each_kind
def test_the_temperature_is_held_to_a_hundredth_and_finds_its_way_back(kind):
    layer = kind(temperature=0.02)
    others = [keras.ops.zeros(()) for _ in layer.trainable_weights[1:]]

    def temperature_after_a_step(gradient, rate):
        keras.optimizers.SGD(rate).apply([gradient, *others], layer.trainable_weights)
        return float(keras.ops.exp(-layer.log_scale))

    down, up = keras.ops.convert_to_tensor(-1.0), keras.ops.convert_to_tensor(1.0)
    assert temperature_after_a_step(down, 0.5) == pytest.approx(0.02 * np.exp(-0.5), rel=1e-4)
    assert temperature_after_a_step(down, 50.0) == pytest.approx(0.01, rel=1e-4)
    # Held by the optimizer, not by a clip of the score: at the limit the gradient is still there.
    images, texts, matches, negatives = batch()
    with tf.GradientTape() as tape:
        loss = layer([images, texts, matches, negatives])
    assert tape.gradient(loss, layer.log_scale.value) > 1e-3
    assert temperature_after_a_step(up, 0.1) == pytest.approx(0.01 * np.exp(0.1), rel=1e-4)


@pytest.mark.slow
@each_kind
def test_the_saved_network_holds_nothing_of_the_loss_but_the_saved_model_does(tmp_path, kind):
    network, model, batches = model_and_batches(kind(), keras.optimizers.Adam(0.01))
    model.fit(batches, epochs=1, shuffle=False, verbose=0)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert loaded.losses == []
    assert len(loaded.trainable_weights) == len(network.trainable_weights)
    for ours, theirs in zip(loaded.get_weights(), network.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    with zipfile.ZipFile(tmp_path / "network.keras") as archive:
        assert kind.__name__ not in archive.read("config.json").decode()

    model.save(tmp_path / "training.keras")
    loaded = keras.saving.load_model(tmp_path / "training.keras")
    one = next(iter(batches))
    np.testing.assert_allclose(loaded(one), model(one), rtol=1e-5)
    for ours, theirs in zip(loaded.layers[-1].get_weights(), model.layers[-1].get_weights()):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@each_kind
def test_a_training_goes_on_with_its_scalars(tmp_path, kind):
    """The backup of a killed training has the temperature, and what Adam knows of it."""
    stopped = model_and_batches(kind(), keras.optimizers.Adam(0.01))[1:]
    stopped[0].fit(
        stopped[1], epochs=2, shuffle=False, verbose=0, callbacks=[TrainingBackup(tmp_path, 0.0)]
    )
    restored = model_and_batches(kind(), keras.optimizers.Adam(0.01), seed=1)[1]
    assert TrainingBackup(tmp_path).restore(restored) == 2
    for ours, theirs in zip(
        [*restored.weights, *restored.optimizer.variables],
        [*stopped[0].weights, *stopped[0].optimizer.variables],
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "by_loops", "policy"),
    [
        (InfoNCE, oracle.info_nce, "mixed_bfloat16"),
        (PairwiseSigmoid, oracle.pairwise_sigmoid, "mixed_float16"),
    ],
)
def test_under_mixed_precision(kind, by_loops, policy):
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        layer = kind()
        assert layer.compute_dtype == layer.variable_dtype == "float32"
        inputs = batch()
        np.testing.assert_allclose(layer(list(inputs)), by_loops(*inputs), rtol=1e-5)
        _, model, batches = model_and_batches(layer, keras.optimizers.Adam(0.01))
        history = model.fit(batches, epochs=4, shuffle=False, verbose=0).history
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert history["loss"][-1] < history["loss"][0]


@each_kind
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0.0}, "`temperature` must be a positive float. Received: temperature=0.0"),
        ({"temperature": 0.009}, "`temperature` must be at least 0.01 where it is learned.*0.009"),
    ],
)
def test_wrong_settings_are_named(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        kind(**arguments)


@each_kind
def test_a_temperature_that_is_not_learned_may_be_lower(kind):
    assert float(keras.ops.exp(-kind(temperature=0.001, learned=False).log_scale)) == pytest.approx(
        0.001, rel=1e-4
    )
