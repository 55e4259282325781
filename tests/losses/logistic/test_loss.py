"""Tests of the logistic loss against its written formula in float64 NumPy."""

import functools
import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.losses import pairwise_logistic_loss


def by_loops(scores, labels):
    """Mean over labelled pairs of log(1 + exp(-z s)), one pair at a time."""
    terms = []
    for score, label in zip(np.ravel(scores).astype(float), np.ravel(labels).astype(float)):
        wrong = -label * score
        if label:
            terms.append(max(wrong, 0.0) + math.log1p(math.exp(-abs(wrong))))
    return math.fsum(terms) / max(len(terms), 1)


@functools.cache
def step(jit_compile):
    def step(scores, labels):
        with tf.GradientTape() as tape:
            tape.watch(scores)
            loss = pairwise_logistic_loss(scores, labels)
        return loss, tape.gradient(loss, scores)

    return step if jit_compile is None else tf.function(step, jit_compile=jit_compile)


def value_and_gradient(scores, labels, jit_compile=None):
    return step(jit_compile)(tf.convert_to_tensor(scores), tf.convert_to_tensor(labels))


@st.composite
def labelled_scores(draw, scale=(0.01, 1.0, 30.0)):
    shape = tuple(draw(st.lists(st.integers(0, 5), max_size=3)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.normal(size=shape) * draw(st.sampled_from(scale))
    labels = rng.choice(draw(st.sampled_from([[1, -1, 0], [1, -1], [0], [1, 0]])), size=shape)
    return scores.astype("float32"), labels.astype(draw(st.sampled_from(["int32", "float32"])))


@given(labelled_scores())
def test_the_loss_is_the_formula(case):
    found = pairwise_logistic_loss(*case)
    assert found.shape == ()
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, by_loops(*case), rtol=1e-5, atol=1e-9)


@given(labelled_scores(scale=(0.5, 3.0)))
def test_the_gradient_is_that_of_finite_differences(case):
    scores, labels = case
    _, found = value_and_gradient(scores, labels)
    scores, expected, step = np.array(scores, float), np.zeros(scores.shape), 1e-5
    for position in np.ndindex(scores.shape):
        moved = [scores.copy(), scores.copy()]
        moved[0][position] += step
        moved[1][position] -= step
        above, below = (by_loops(some, labels) for some in moved)
        expected[position] = (above - below) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_worked_example():
    scores = np.array([[0.0, np.log(3.0)], [-np.log(3.0), 7.0]])
    labels = np.array([[1, 1], [1, 0]])
    # log 2, log(1 + 1/3) and log(1 + 3)
    expected = (np.log(2) + np.log(4 / 3) + np.log(4)) / 3
    np.testing.assert_allclose(pairwise_logistic_loss(scores, labels), expected, rtol=1e-6)
    np.testing.assert_allclose(pairwise_logistic_loss(-scores, -labels), expected, rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize("size", [100.0, 1e4, 3e38])
def test_extreme_scores_neither_overflow_nor_lose_their_gradient(size, jit_compile):
    scores = np.array([size, -size, size, -size, size, -size], "float32")
    labels = np.array([1, -1, -1, 1, 0, 0])
    loss, gradient = value_and_gradient(scores, labels, jit_compile)
    np.testing.assert_allclose(loss, size / 2, rtol=1e-6)  # two right, two wrong by `size`
    np.testing.assert_allclose(gradient, [0, 0, 0.25, -0.25, 0, 0], atol=1e-7)


def test_the_tail_is_not_rounded_to_zero():
    loss = pairwise_logistic_loss(np.array([30.0]), np.array([1]))
    np.testing.assert_allclose(loss, math.log1p(math.exp(-30.0)), rtol=1e-5)


@pytest.mark.parametrize("score", [np.inf, -np.inf, np.nan, 3e38])
def test_ignored_scores_have_no_effect(score):
    scores = np.array([0.5, score, -1.0], "float32")
    loss, gradient = value_and_gradient(scores, np.array([1, 0, -1]))
    alone, kept = value_and_gradient(scores[[0, 2]], np.array([1, -1]))
    np.testing.assert_allclose(loss, alone, rtol=1e-7)
    np.testing.assert_allclose(gradient, [kept[0], 0.0, kept[1]], rtol=1e-7)


@pytest.mark.parametrize("shape", [(3,), (2, 2), ()])
def test_nothing_labelled_is_zero(shape):
    loss, gradient = value_and_gradient(np.full(shape, 5.0, "float32"), np.zeros(shape, "int32"))
    assert loss == 0
    np.testing.assert_array_equal(gradient, np.zeros(shape))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_it_is_computed_in_float32(dtype):
    rng = np.random.default_rng(0)
    scores = tf.cast(rng.normal(size=4000), dtype)
    labels = rng.choice([1, -1, 0], 4000)
    loss, gradient = value_and_gradient(scores, labels)
    assert (loss.dtype, gradient.dtype) == (tf.float32, scores.dtype)
    np.testing.assert_allclose(
        loss, by_loops(tf.cast(scores, "float64").numpy(), labels), rtol=1e-5
    )


@pytest.mark.parametrize(("scores", "labels"), [((3,), (2,)), ((3, 1), (3,)), ((2, 3), (3, 2))])
def test_unequal_shapes_are_named(scores, labels):
    with pytest.raises(ValueError, match="`labels` must have the shape of `scores`") as error:
        pairwise_logistic_loss(np.zeros(scores), np.zeros(labels))
    assert str(scores) in str(error.value)
    assert str(labels) in str(error.value)
