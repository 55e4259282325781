"""Tests of the lowest values of rows and the true columns of masks, against sorting and loops."""

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.losses import bidirectional_ranking_loss
from tb_keras.losses.ranking.lowest_in_rows import (
    ABSENT,
    first_columns,
    lowest_in_rows,
    visit_columns,
)
from tests.cases import slow_but


@pytest.mark.parametrize(
    ("columns", "k"),
    [(1, 1), (7, 7), (255, 1), (256, 1), (257, 1), (1030, 4), (1100, 4), (2600, 9)],
)
@pytest.mark.parametrize("levels", [1, 5, 10**6])
def test_they_are_the_first_of_a_stable_sort(columns, k, levels):
    """From 256 columns a value on, by groups; few levels make many ties."""
    rng = np.random.default_rng(columns + levels)
    values = rng.integers(0, levels, (6, columns)).astype("float32")
    values[0, columns // 3 :] = ABSENT
    expected = np.argsort(values, axis=1, kind="stable")[:, :k]
    found, places = lowest_in_rows(tf.constant(values), k)
    np.testing.assert_array_equal(places, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(values, expected, axis=1))


@pytest.mark.parametrize("columns", [3, 40, 1500])
def test_every_true_column_is_visited_once_in_order(columns):
    rng = np.random.default_rng(columns)
    mask = rng.random((7, columns)) < np.array([0, 0.001, 0.01, 0.02, 0.05, 0.5, 1.0])[:, None] / 5
    mask[0], mask[6, :11] = False, True
    visited = []

    def visit(state, columns, there):
        visited.append(np.where(there, columns, -1))
        return state + 1, (there,)

    first = tf.where(np.arange(7)[:, None] == 5, ABSENT, first_columns(tf.constant(mask)))
    state, _ = visit_columns(tf.constant(mask), first, visit, lambda state, last: state, 0)
    assert state == len(visited)
    for row, found in enumerate(np.concatenate(visited, axis=1)):
        expected = [] if row == 5 else np.flatnonzero(mask[row])
        np.testing.assert_array_equal(found[found >= 0], expected)


@pytest.mark.parametrize("texts_per_image", slow_but(3, cases=[1, 3, 6]))
def test_a_wide_batch_in_blocks_has_the_gradient_of_all_at_once(texts_per_image):
    """So wide that neighbours and negatives are looked for in groups of columns."""
    rng = np.random.default_rng(0)
    of_text = np.repeat(np.arange(1200 // texts_per_image), texts_per_image)
    sizes = (1200 // texts_per_image, 1200)
    rows = [tf.constant(rng.normal(size=(size, 6)), "float32") for size in sizes]
    embeddings = [tf.math.l2_normalize(part, axis=1) for part in rows]
    results = []
    for block_rows in (None, 500):
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            loss = bidirectional_ranking_loss(
                *embeddings, of_text, margin=0.2, top_k=4, block_rows=block_rows
            )
        results.append((loss, *tape.gradient(loss, embeddings)))
    for one, other in zip(*results):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)
