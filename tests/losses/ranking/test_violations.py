"""Tests of the parts of the ranking loss: nearest negatives and hinge sums, against loops."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.losses.ranking.violations import hinge_sums, nearest_negatives


@st.composite
def grids(draw, max_columns=8):
    """Distances, thresholds and masks on a grid, so that equal values are common."""
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, max_columns))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    distances, thresholds = (rng.integers(0, 9, (n, m)).astype("float32") / 4 for _ in range(2))
    negatives, positives = (
        rng.random((n, m)) < draw(st.sampled_from([0.0, 0.3, 0.8, 1.0])) for _ in range(2)
    )
    return distances, thresholds, negatives, positives, draw(st.sampled_from([1, 2, 5, 50, None]))


def check(distances, thresholds, negatives, positives, top_k):
    nearest, count = nearest_negatives(tf.constant(distances), negatives, top_k)
    sums, violating = hinge_sums(tf.constant(thresholds), positives, nearest)
    n, m = distances.shape
    assert nearest.shape == (n, m if top_k is None else min(top_k, m))
    assert count.shape == (n, 1)
    assert sums.shape == violating.shape == (n,)
    for row in range(n):
        kept = np.sort(distances[row][negatives[row]])[:top_k]
        assert count[row, 0] == len(kept)
        np.testing.assert_array_equal(nearest[row, : len(kept)], kept)
        assert (nearest[row, len(kept) :].numpy() > 1e6).all()
        total, violators = 0.0, 0
        for threshold in thresholds[row][positives[row]]:
            for far in kept:
                total += max(float(threshold) - float(far), 0.0)
                violators += threshold > far
        np.testing.assert_allclose(sums[row], total, rtol=1e-6, atol=1e-6)
        assert violating[row] == violators


@given(grids())
def test_sums_and_counts_are_those_of_the_loops(grid):
    check(*grid)


@pytest.mark.parametrize("top_k", [31, 32, 33, 34, 63, 64, 65, 66, None])
def test_counting_and_searching_agree_at_every_size(top_k):
    """Up to 32 negatives are compared in turn, more by binary search, around powers of two too."""
    rng = np.random.default_rng(0)
    n, m = 5, 67
    distances = rng.integers(0, 40, (n, m)).astype("float32") / 8
    thresholds = rng.integers(0, 48, (n, m)).astype("float32") / 8
    negatives = rng.random((n, m)) < np.array([[1.0], [0.95], [0.5], [0.03], [0.0]])
    check(distances, thresholds, negatives, rng.random((n, m)) < 0.5, top_k)


@pytest.mark.parametrize("most", [0, 1, 7, 8, 9, 67])
@pytest.mark.parametrize("top_k", [1, 5, 8])
def test_few_positives_and_many_agree(top_k, most):
    """Up to eight an anchor are compared one by one, and with them all rows of the batch."""
    rng = np.random.default_rng(most)
    n, m = 4, 67
    distances, thresholds = (rng.integers(0, 40, (n, m)).astype("float32") / 8 for _ in range(2))
    positives = np.zeros((n, m), bool)
    for row, count in enumerate((most, 0, most // 2, most)):
        positives[row, rng.permutation(m)[:count]] = True
    check(distances, thresholds, rng.random((n, m)) < 0.5, positives, top_k)


@pytest.mark.parametrize("top_k", [2, None])
@pytest.mark.parametrize("size", [6, 40])
@pytest.mark.parametrize("positive_share", [0.05, 0.4])
def test_the_gradient_counts_the_violations(positive_share, size, top_k):
    """One for each violation to the threshold, minus one to the distance of the negative."""
    rng = np.random.default_rng(size)
    distances, thresholds = rng.random((3, size), "float32"), rng.random((3, size), "float32")
    negatives, positives = rng.random((3, size)) < 0.7, rng.random((3, size)) < positive_share
    inputs = [tf.constant(distances), tf.constant(thresholds)]
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        nearest, _ = nearest_negatives(inputs[0], negatives, top_k)
        sums, _ = hinge_sums(inputs[1], positives, nearest)
    of_distances, of_thresholds = tape.gradient(sums, inputs)
    expected = np.zeros((2, 3, size))
    for row in range(3):
        negative = np.flatnonzero(negatives[row])
        kept = negative[np.argsort(distances[row][negative])][:top_k]
        for j in np.flatnonzero(positives[row]):
            for k in kept:
                if thresholds[row, j] > distances[row, k]:
                    expected[0, row, k] -= 1
                    expected[1, row, j] += 1
    np.testing.assert_array_equal(of_distances, expected[0])
    np.testing.assert_array_equal(of_thresholds, expected[1])


@pytest.mark.parametrize("size", [6, 40])
def test_thresholds_equal_to_a_distance_do_not_violate(size):
    distances = np.ones((2, size), "float32")
    nearest, _ = nearest_negatives(distances, np.ones((2, size), bool), None)
    sums, violating = hinge_sums(tf.ones((2, size)), np.ones((2, size), bool), nearest)
    assert not np.any(sums)
    assert not np.any(violating)
