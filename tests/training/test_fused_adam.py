"""Tests of the fused Adam: step for step what Keras's own does."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.training.fused_adam import FusedAdam
from tests.cases import slow_but


def trained(optimizer, in_graph, rows=None, steps=5):
    """Weights after some steps on fixed gradients, and the optimizer's own variables."""
    rng = np.random.default_rng(0)
    shapes = (4, 3), (3,), ()
    weights = [keras.Variable(rng.normal(size=shape), dtype="float32") for shape in shapes]
    optimizer.build(weights)

    def apply(*gradients):
        optimizer.apply(list(gradients), weights)

    apply = tf.function(apply, autograph=False) if in_graph else apply
    for _ in range(steps):
        gradients = [tf.constant(rng.normal(size=shape).astype("float32")) for shape in shapes]
        if rows:  # of the first, of which row 3 is taken twice
            some = tf.IndexedSlices(gradients[0][:3], tf.constant([3, 1, 3]), tf.constant([4, 3]))
            gradients[0] = some if rows == "sparse" else tf.convert_to_tensor(some)
        apply(*gradients)
    return [weight.numpy() for weight in [*weights, *optimizer.variables]]


@pytest.mark.parametrize("in_graph", slow_but(True, cases=[False, True]))
@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 0.1},
        {"learning_rate": 0.1, "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"learning_rate": 0.1, "weight_decay": 0.1, "clipnorm": 0.5},
        {"learning_rate": 0.1, "use_ema": True, "gradient_accumulation_steps": 2},
        {"learning_rate": 0.1, "amsgrad": True},
        {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_it_updates_as_keras_does(settings, in_graph):
    expected = trained(keras.optimizers.Adam(**settings), in_graph)
    for value, right in zip(trained(FusedAdam(**settings), in_graph), expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("settings", [{}, {"clipnorm": 0.5}, {"amsgrad": True}])
def test_rows_of_a_table_are_updated_by_the_sum_of_their_gradients(settings):
    """Where Keras's own step differs from that of the dense gradient."""
    expected = trained(keras.optimizers.Adam(0.1, **settings), in_graph=True, rows="dense")
    found = trained(FusedAdam(0.1, **settings), in_graph=True, rows="sparse")
    for value, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, right, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("policy", "jit_compile"),
    slow_but(
        ("mixed_float16", False),
        cases=itertools.product(("float32", "mixed_bfloat16", "mixed_float16"), (False, True)),
    ),
)
def test_it_trains_a_model(policy, jit_compile):
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    y = x @ np.array([[1.0], [-2.0], [0.5], [3.0]], "float32")
    losses = {}
    for kind in (keras.optimizers.Adam, FusedAdam):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, dtype=policy)])
        optimizer = kind(0.1)
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, loss="mse", jit_compile=jit_compile)
        history = model.fit(x, y, epochs=6, batch_size=16, shuffle=False, verbose=0)
        losses[kind] = history.history["loss"]
    np.testing.assert_allclose(losses[FusedAdam], losses[keras.optimizers.Adam], rtol=0.02)
    assert losses[FusedAdam][-1] < losses[FusedAdam][0] / 2


def test_it_is_saved_with_a_model(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(FusedAdam(0.1, beta_1=0.8), loss="mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.optimizer) is FusedAdam
    assert loaded.optimizer.beta_1 == 0.8
    for value, right in zip(loaded.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(value, right)


@pytest.mark.parametrize("in_graph", [False, True])
def test_some_variables_learn_at_another_rate(in_graph):
    """Adam's first step is its learning rate, whatever the gradient."""
    slow, fast, still = (keras.Variable([1.0, 2.0]) for _ in range(3))
    optimizer = FusedAdam(learning_rate=0.5)
    optimizer.scale_learning_rate([slow], 0.1)
    optimizer.scale_learning_rate([still], 0.0)
    optimizer.build([slow, fast, still])

    def step():
        optimizer.apply([keras.ops.array([3.0, -4.0])] * 3, [slow, fast, still])

    (tf.function(step) if in_graph else step)()
    np.testing.assert_allclose(slow, [0.95, 2.05], rtol=1e-5)
    np.testing.assert_allclose(fast, [0.5, 2.5], rtol=1e-5)
    np.testing.assert_array_equal(still, [1.0, 2.0])


def test_weights_that_learn_more_slowly_decay_more_slowly():
    """By Adam with weight decay, a step without a gradient is the decay alone."""
    weights = [keras.Variable([1.0, 2.0]) for _ in range(4)]
    optimizer = FusedAdam(learning_rate=0.1, weight_decay=0.5)
    for weight, factor in zip(weights, (0.1, 0.0, 1.0)):
        optimizer.scale_learning_rate([weight], factor)
    optimizer.build(weights)
    optimizer.apply([keras.ops.zeros(2)] * 4, weights)
    for weight, kept in zip(weights, (0.995, 1.0, 0.95, 0.95), strict=True):
        np.testing.assert_allclose(weight, [kept, 2 * kept], rtol=1e-6)
