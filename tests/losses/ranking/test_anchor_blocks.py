"""Tests of the ranking loss over blocks of anchors against the loss of all anchors at once."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tb_keras.losses import BidirectionalRanking, bidirectional_ranking_loss
from tb_keras.losses.ranking.anchor_blocks import neighbor_rows
from tests.cases import examples
from tests.losses.ranking import oracle
from tests.losses.ranking.test_loss import (
    as_arguments,
    batch,
    cases,
    given_masks,
    value_and_gradients,
)


@pytest.mark.slow
@settings(max_examples=30)
@given(cases(), st.integers(1, 8), st.booleans())
def test_the_loss_and_its_gradient_are_those_of_all_anchors_at_once(case, block_rows, masks_given):
    """Grids have many ties, which both forms must break alike; rounded distances may differ."""
    (images, texts), masks, weights, chosen = case
    ties = all(np.array_equal(2 * part, np.round(2 * part)) for part in (images, texts))
    assume(ties or oracle.distance_to_kink(images, texts, masks, weights, **chosen) > 1e-4)
    arguments = {**(given_masks(masks) if masks_given else {}), **as_arguments(weights), **chosen}
    loss, gradients = value_and_gradients(images, texts, masks.matches, **arguments)
    found, ours = value_and_gradients(
        images, texts, masks.matches, **arguments, block_rows=block_rows
    )
    np.testing.assert_allclose(found, loss, rtol=1e-5, atol=1e-6)
    for one, other in zip(ours, gradients):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("positive", "top_k", "jit_compile"),
    [("hardest", 3, True), ("hardest", None, False), ("all", 40, True), ("all", 2, False)],
)
def test_in_a_graph_and_under_xla(positive, top_k, jit_compile):
    """45 texts in blocks of 7, whose last one goes back over four rows; K by binary search too."""
    images, texts, masks = batch(n=38, m=45, dim=8)
    arguments = {
        **given_masks(masks),
        "image_neighborhood_weight": 0.5,
        "text_neighborhood_weight": 0.7,
        "margin": 0.3,
        "top_k": top_k,
        "positive": positive,
    }
    loss, gradients = value_and_gradients(images, texts, masks.matches, **arguments)
    compiled = tf.function(value_and_gradients, jit_compile=jit_compile)
    found, ours = compiled(images, texts, tf.constant(masks.matches), **arguments, block_rows=7)
    np.testing.assert_allclose(found, loss, rtol=1e-5)
    for one, other in zip(ours, gradients):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_gradient_is_scaled_by_what_is_done_with_the_loss():
    images, texts, masks = batch()
    images = tf.Variable(images)
    slopes = []
    for block_rows in (None, 4):
        with tf.GradientTape() as tape:
            loss = bidirectional_ranking_loss(
                images, texts, masks.matches, margin=0.5, block_rows=block_rows
            )
            squared = loss**2
        slopes.append(tape.gradient(squared, images))
    assert np.abs(slopes[0]).max() > 0.1
    np.testing.assert_allclose(*slopes, atol=1e-5)


def test_the_layer_in_blocks_has_the_same_metrics():
    images, texts, masks = batch(n=9, m=14)
    results = []
    for block_rows in (None, 4):
        layer = BidirectionalRanking(
            margin=0.4, image_neighborhood_weight=0.5, block_rows=block_rows
        )
        layer([images, texts, *masks])
        results.append({metric.name: float(metric.result()) for metric in layer.metrics})
    assert results[0] == pytest.approx(results[1], rel=1e-5)
    assert 0 < results[0]["violating"] < 1
    config = layer.get_config()
    assert config["block_rows"] == 4
    assert BidirectionalRanking.from_config(config).get_config() == config


@examples(30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 0.4, 1.0]))
def test_neighbors_share_a_match(seed, density):
    rng = np.random.default_rng(seed)
    matches = rng.random(rng.integers(1, 8, 2)) < density
    for view, oriented in enumerate((matches, matches.T)):
        rows = len(oriented)
        start = rng.integers(0, rows)
        size = rng.integers(1, rows - start + 1)
        found = neighbor_rows(tf.constant(matches), tf.constant(int(start)), int(size), view)
        counts = oriented.astype(int) @ oriented.T.astype(int)
        np.testing.assert_array_equal(found, counts[start : start + size] > 0)


@pytest.mark.slow
def test_nothing_of_the_size_of_all_pairs_is_kept():
    """Of 600 x 700 pairs, in blocks of 10, none of the graph's sums and products holds so many."""
    rng = np.random.default_rng(0)
    images, texts = (tf.constant(rng.normal(size=(size, 4)), "float32") for size in (600, 700))
    masks = [tf.zeros((600, 700), bool), tf.zeros((600, 700), bool)]
    masks += [tf.zeros((700, 700), bool), tf.zeros((600, 600), bool)]
    arguments = dict(zip(("negatives", "text_negatives", "image_negatives"), masks[1:]))
    arguments |= {"image_neighborhood_weight": 1.0, "text_neighborhood_weight": 1.0}

    def largest(block_rows):
        traced = tf.function(value_and_gradients).get_concrete_function(
            images, texts, masks[0], **arguments, block_rows=block_rows
        )
        definition = traced.graph.as_graph_def(add_shapes=True)
        shapes = [
            [dim.size for dim in shape.dim]
            for part in (definition, *definition.library.function)
            for node in (part.node if part is definition else part.node_def)
            for shape in node.attr["_output_shapes"].list.shape
            if node.op in ("Sqrt", "MatMul", "BatchMatMulV2", "RealDiv", "Cast", "Mul", "AddV2")
        ]
        return max(int(np.prod(shape)) for shape in shapes)

    assert largest(None) >= 600 * 700
    assert 10 * 700 <= largest(10) <= 20 * 700


@pytest.mark.parametrize("block_rows", [0, -1, 2.0])
def test_a_block_has_rows(block_rows):
    images, texts, masks = batch()
    with pytest.raises(ValueError, match=f"`block_rows` must be a positive int.*={block_rows}"):
        bidirectional_ranking_loss(images, texts, masks.matches, block_rows=block_rows)
    with pytest.raises(ValueError, match="`block_rows` must be"):
        BidirectionalRanking(block_rows=block_rows)
