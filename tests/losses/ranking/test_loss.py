"""Tests of the ranking loss against loops over pairs in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.losses import bidirectional_ranking_loss
from tb_keras.losses.ranking.distances import pairwise_distances
from tb_keras.losses.ranking.settings import RankingSettings
from tb_keras.losses.ranking.terms import ranking_terms
from tests.cases import examples, slow_but
from tests.losses.ranking import oracle

FIRST_WEIGHTS = {
    "image_anchor": 1.0,
    "text_anchor": 1.5,
    "image_neighborhood": 0.0,
    "text_neighborhood": 0.05,
}
ALL_WEIGHTS = {
    "image_anchor": 1.0,
    "text_anchor": 1.5,
    "image_neighborhood": 0.3,
    "text_neighborhood": 0.7,
}


def as_arguments(weights):
    return {f"{name}_weight": weight for name, weight in weights.items()}


def given_masks(masks):
    return {
        "negatives": masks.negatives,
        "text_negatives": masks.text_negatives,
        "image_negatives": masks.image_negatives,
    }


def unit(embeddings):
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


@st.composite
def cases(draw, max_images=5, max_texts=7, embeddings="any"):
    """Embeddings, masks and settings of a random many-to-many batch with ignored and padding."""
    n, m = draw(st.integers(1, max_images)), draw(st.integers(1, max_texts))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    density = draw(st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]))
    matches = rng.random((n, m)) < density
    if draw(st.booleans()):
        matches |= np.arange(n)[:, None] == rng.integers(0, n, m)
    ignored = ~matches & (rng.random((n, m)) < draw(st.sampled_from([0.0, 0.2])))
    padding = draw(st.sampled_from([0.0, 0.0, 0.3]))
    padded = [np.flatnonzero(rng.random(size) < padding) for size in (n, m)]
    masks = oracle.relation(matches, ignored, *padded)

    kind = draw(st.sampled_from(["unit", "scaled", "grid"])) if embeddings == "any" else embeddings
    dim = draw(st.integers(2, 4))
    both = [rng.normal(size=(size, dim)) for size in (n, m)]
    if kind == "unit":
        both = [unit(part) for part in both]
    if kind == "scaled":
        both = [part * 2 for part in both]
    if kind == "grid":  # exact in float32, with many ties and coinciding embeddings
        both = [np.round(part) / 2 for part in both]
    weights = {name: draw(st.sampled_from([0, 0.05, 1.0, 1.5])) for name in oracle.TERMS}
    chosen = {
        "margin": draw(st.sampled_from([0.05, 0.2, 1.0])),
        "top_k": draw(st.sampled_from([1, 2, 10, None])),
        "positive": draw(st.sampled_from(["hardest", "all"])),
    }
    return [part.astype("float32") for part in both], masks, weights, chosen


@given(cases())
def test_the_loss_is_that_of_the_loops(case):
    (images, texts), masks, weights, chosen = case
    found = bidirectional_ranking_loss(
        images, texts, masks.matches, **given_masks(masks), **as_arguments(weights), **chosen
    )
    assert found.shape == ()
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    expected = oracle.loss(images, texts, masks, weights, **chosen)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    assert found >= -1e-6


@examples(40)
@given(cases())
def test_each_term_and_its_counts_are_those_of_the_loops(case):
    """Counts are compared where no hinge is so near to zero that rounding decides."""
    (images, texts), masks, _, chosen = case
    settings = RankingSettings(**chosen, **as_arguments(dict.fromkeys(oracle.TERMS, 1.0)))
    found = ranking_terms(images, texts, *masks, settings)
    smooth = oracle.distance_to_kink(images, texts, masks, settings.weights, **chosen) > 1e-4
    for name, expected in oracle.terms(images, texts, masks, **chosen).items():
        np.testing.assert_allclose(found[name].loss, expected.loss, rtol=1e-5, atol=1e-5)
        assert found[name].triplets == expected.triplets
        assert not smooth or found[name].violating == expected.violating


def value_and_gradients(images, texts, matches, **arguments):
    images, texts = tf.convert_to_tensor(images), tf.convert_to_tensor(texts)
    with tf.GradientTape() as tape:
        tape.watch([images, texts])
        loss = bidirectional_ranking_loss(images, texts, matches, **arguments)
    return loss, tape.gradient(
        loss, [images, texts], unconnected_gradients=tf.UnconnectedGradients.ZERO
    )


@examples(60)
@given(cases(max_images=4, max_texts=5, embeddings="unit"))
def test_the_gradient_is_that_of_finite_differences(case):
    (images, texts), masks, weights, chosen = case
    assume(oracle.distance_to_kink(images, texts, masks, weights, **chosen) > 1e-4)
    _, found = value_and_gradients(
        images,
        texts,
        masks.matches,
        **given_masks(masks),
        **as_arguments(weights),
        **chosen,
    )
    expected = oracle.gradient(images, texts, masks, weights, **chosen)
    for ours, theirs in zip(found, expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-4)


def batch(seed=0, n=6, m=11, dim=5, ignored=0.1, padded=(1, 2)):
    """A many-to-many batch of unit-length embeddings, its last rows and columns padding."""
    rng = np.random.default_rng(seed)
    matches = np.arange(n)[:, None] == rng.integers(0, n, m)
    matches |= rng.random((n, m)) < 0.1
    images, texts = (unit(rng.normal(size=(size, dim))).astype("float32") for size in (n, m))
    masks = oracle.relation(
        matches,
        ~matches & (rng.random((n, m)) < ignored),
        range(n - padded[0], n),
        range(m - padded[1], m),
    )
    return images, texts, masks


@pytest.mark.parametrize("positive", ["hardest", "all"])
@pytest.mark.parametrize("top_k", [1, 3, 40, None])
@pytest.mark.parametrize("seed", slow_but(0, cases=[0, 1]))
def test_more_candidates_than_are_compared_in_turn(seed, top_k, positive):
    """K above 32 goes by binary search: 33 to 45 negatives an anchor, with ties."""
    images, texts, masks = batch(seed, n=38, m=45, dim=3)
    texts[:7] = texts[7:14]
    images[:5] = images[5:10]
    chosen = {"margin": 0.3, "top_k": top_k, "positive": positive}
    arguments = {**given_masks(masks), **as_arguments(ALL_WEIGHTS), **chosen}
    found = bidirectional_ranking_loss(images, texts, masks.matches, **arguments)
    expected = oracle.loss(images, texts, masks, ALL_WEIGHTS, **chosen)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_the_gradient_with_many_candidates():
    images, texts, masks = batch(3, n=36, m=40, dim=2)
    chosen = {"margin": 0.1, "top_k": 34, "positive": "all"}
    arguments = {**given_masks(masks), **as_arguments(ALL_WEIGHTS), **chosen}
    _, found = value_and_gradients(images, texts, masks.matches, **arguments)
    # The direction of one random move, since differences in each coordinate would take minutes.
    rng = np.random.default_rng(0)
    move = [rng.normal(size=part.shape) for part in (images, texts)]
    step = 1e-7
    moved = [
        oracle.loss(images + s * move[0], texts + s * move[1], masks, ALL_WEIGHTS, **chosen)
        for s in (step, -step)
    ]
    slope = sum(float(np.sum(g * d)) for g, d in zip(found, move))
    np.testing.assert_allclose(slope, (moved[0] - moved[1]) / (2 * step), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("top_k", "positive", "sizes"),
    [(1, "hardest", (6, 11)), (3, "all", (6, 11)), (None, "all", (36, 40))],
)
def test_eager_graph_and_xla_agree(top_k, positive, sizes):
    images, texts, masks = batch(1, *sizes)
    arguments = {"margin": 0.2, "top_k": top_k, "positive": positive, **as_arguments(ALL_WEIGHTS)}

    def step(images, texts, matches, negatives, text_negatives, image_negatives):
        return value_and_gradients(
            images,
            texts,
            matches,
            negatives=negatives,
            text_negatives=text_negatives,
            image_negatives=image_negatives,
            **arguments,
        )

    inputs = [tf.constant(array) for array in (images, texts, *masks)]
    eager_loss, eager_gradients = step(*inputs)
    assert eager_loss > 0.01
    for jit_compile in (False, True):
        loss, gradients = tf.function(step, jit_compile=jit_compile)(*inputs)
        np.testing.assert_allclose(loss, eager_loss, rtol=1e-5, atol=1e-5)
        for found, expected in zip(gradients, eager_gradients):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@examples(60)
@given(cases(embeddings="grid"))
def test_masks_left_out_follow_from_the_matches(case):
    (images, texts), masks, weights, chosen = case
    arguments = {**as_arguments(weights), **chosen}
    plain = oracle.relation(masks.matches)
    expected = oracle.loss(images, texts, plain, weights, **chosen)
    found = bidirectional_ranking_loss(images, texts, masks.matches, **arguments)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    # Given the negatives alone, with what they ignore and pad, the two others follow too.
    expected = oracle.loss(images, texts, masks, weights, **chosen)
    found = bidirectional_ranking_loss(
        images, texts, masks.matches, negatives=masks.negatives, **arguments
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_every_form_of_matches_gives_the_same_loss():
    images, texts, _ = batch()
    image_of = np.random.default_rng(0).integers(0, len(images), len(texts))
    dense = np.arange(len(images))[:, None] == image_of
    arguments = as_arguments(ALL_WEIGHTS)
    expected = oracle.loss(images, texts, oracle.relation(dense), ALL_WEIGHTS)
    forms = [
        dense,
        tf.constant(dense),
        image_of,
        image_of.astype("int32"),
        tf.constant(image_of),
        image_of.tolist(),
        Matches.of(image_of, len(images)),
    ]
    for form in forms:
        found = bidirectional_ranking_loss(images, texts, form, **arguments)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_relation_brings_its_ignored_pairs():
    images, texts, masks = batch(padded=(0, 0), ignored=0.3)
    ignored = ~masks.matches & ~masks.negatives
    assert ignored.any()
    matches = Matches(
        np.argwhere(masks.matches), *masks.matches.shape, ignored=np.argwhere(ignored)
    )
    found = bidirectional_ranking_loss(images, texts, matches, **as_arguments(ALL_WEIGHTS))
    expected = oracle.loss(images, texts, masks, ALL_WEIGHTS)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_padding_counts_nowhere():
    images, texts, masks = batch(padded=(2, 3))
    arguments = as_arguments(ALL_WEIGHTS)
    whole = bidirectional_ranking_loss(
        images, texts, masks.matches, **given_masks(masks), **arguments
    )
    cut = bidirectional_ranking_loss(
        images[:-2],
        texts[:-3],
        masks.matches[:-2, :-3],
        negatives=masks.negatives[:-2, :-3],
        text_negatives=masks.text_negatives[:-3, :-3],
        image_negatives=masks.image_negatives[:-2, :-2],
        **arguments,
    )
    np.testing.assert_allclose(whole, cut, rtol=1e-6)
    images[-2:], texts[-3:] = 1e3, -1e3
    _, gradients = value_and_gradients(
        images, texts, masks.matches, **given_masks(masks), **arguments
    )
    assert not np.any(gradients[0][-2:])
    assert not np.any(gradients[1][-3:])


def test_the_first_settings_are_the_released_ones():
    images, texts, masks = batch(2)
    found = bidirectional_ranking_loss(images, texts, masks.matches, **given_masks(masks))
    expected = oracle.loss(
        images, texts, masks, FIRST_WEIGHTS, margin=0.05, top_k=10, positive="hardest"
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found > 0.01


def test_a_worked_example():
    """Two images and their texts, exchanged: every distance is known by hand."""
    near, far = 0.01, np.sqrt(2 + 1e-4)
    hinge = 0.05 + far - near
    loss = bidirectional_ranking_loss(
        np.eye(2), np.eye(2), np.array([1, 0]), text_neighborhood_weight=0.0
    )
    np.testing.assert_allclose(loss, 1.0 * hinge + 1.5 * hinge, rtol=1e-6)
    # Within the view: each text is its own only neighbour at 0.01, its negative is far.
    loss = bidirectional_ranking_loss(
        np.eye(2),
        np.eye(2),
        np.array([0, 1]),
        margin=2.0,
        image_anchor_weight=0.0,
        text_anchor_weight=0.0,
        text_neighborhood_weight=1.0,
    )
    np.testing.assert_allclose(loss, 2.0 + near - far, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("sizes", [(6, 11), (36, 40)])
def test_half_precision_is_computed_in_float32(dtype, sizes):
    images, texts, masks = batch(0, *sizes)
    images, texts = tf.cast(images, dtype), tf.cast(texts, dtype)
    arguments = {**given_masks(masks), **as_arguments(ALL_WEIGHTS)}
    loss, gradients = value_and_gradients(images, texts, masks.matches, **arguments)
    assert loss.dtype == tf.float32
    assert [gradient.dtype for gradient in gradients] == [dtype, dtype]
    rounded = [tf.cast(part, tf.float32).numpy() for part in (images, texts)]
    expected = oracle.loss(*rounded, masks, ALL_WEIGHTS)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)
    # Squares that overflow float16 must not overflow here.
    assert np.isfinite(bidirectional_ranking_loss(images * 300, texts, masks.matches, **arguments))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_distances_are_float32(dtype):
    left, right = np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [3.0, 4.0]])
    found = pairwise_distances(tf.cast(left, dtype), tf.cast(right, dtype))
    assert found.dtype == tf.float32
    np.testing.assert_allclose(found, [[5, 0.01], [0.01, 5]], rtol=1e-5)


def same(n):
    return np.full((n, 3), 0.5, "float32")


EDGE_CASES = {
    "no negatives": (batch()[0], batch()[1], np.ones((6, 11), bool)),
    "no matches": (batch()[0], batch()[1], np.zeros((6, 11), bool)),
    "fewer negatives than K": (batch(n=3)[0], batch(m=4)[1], np.array([0, 1, 2, 2])),
    "one image": (batch()[0][:1], batch()[1], np.zeros(11, int)),
    "one image, one text": (batch()[0][:1], batch()[1][:1], np.zeros(1, int)),
    "one text": (batch()[0], batch()[1][:1], np.array([2])),
    "identical embeddings": (same(4), same(6), np.array([0, 0, 1, 1, 2, 3])),
    "zero embeddings": (0 * same(4), 0 * same(6), np.array([0, 0, 1, 1, 2, 3])),
    "many identical embeddings": (same(40), same(80), np.arange(80) // 2),
}


@pytest.mark.parametrize("name", EDGE_CASES)
@pytest.mark.parametrize("positive", ["hardest", "all"])
@pytest.mark.parametrize("top_k", [1, 10, None])
def test_edge_cases(name, positive, top_k):
    images, texts, matches = EDGE_CASES[name]
    dense = matches if matches.ndim == 2 else np.arange(len(images))[:, None] == matches
    chosen = {"positive": positive, "top_k": top_k}
    loss, gradients = value_and_gradients(
        images, texts, matches, **as_arguments(ALL_WEIGHTS), **chosen
    )
    if len(texts) < 80:  # the loops would take long
        expected = oracle.loss(images, texts, oracle.relation(dense), ALL_WEIGHTS, **chosen)
        np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)
    for gradient in gradients:
        assert np.isfinite(gradient).all()
    if "identical" in name or "zero" in name:
        # All distances are equal, so every hinge is the margin.
        np.testing.assert_allclose(loss, 0.05 * (1.0 + 1.5 + per_view(dense, positive)), rtol=1e-4)


def per_view(dense, positive):
    """Sum of the weights of the neighbourhood terms that have something to compare."""
    if positive == "hardest":
        return 0.3 + 0.7
    return 0.7 * (dense.sum(axis=1) > 1).any() + 0.3 * (dense.sum(axis=0) > 1).any()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["zero embeddings", "no negatives"])
def test_edge_cases_under_xla(name):
    images, texts, matches = EDGE_CASES[name]

    @tf.function(jit_compile=True)
    def step(images, texts):
        return value_and_gradients(images, texts, matches, **as_arguments(ALL_WEIGHTS))

    loss, gradients = step(tf.constant(images), tf.constant(texts))
    expected = value_and_gradients(images, texts, matches, **as_arguments(ALL_WEIGHTS))[0]
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-6)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_no_weight_no_loss():
    images, texts, masks = batch()
    zero = dict.fromkeys(ALL_WEIGHTS, 0)
    assert bidirectional_ranking_loss(images, texts, masks.matches, **as_arguments(zero)) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 0}, "`margin` must be a positive float. Received: margin=0"),
        ({"margin": -1}, "`margin` must be a positive float. Received: margin=-1"),
        ({"margin": float("nan")}, "`margin` must be a positive float. Received: margin=nan"),
        ({"top_k": 0}, "`top_k` must be a positive int or None. Received: top_k=0"),
        ({"top_k": -3}, "`top_k` must be a positive int or None. Received: top_k=-3"),
        ({"top_k": True}, "`top_k` must be a positive int or None. Received: top_k=True"),
        ({"top_k": 2.0}, "`top_k` must be a positive int or None. Received: top_k=2.0"),
        ({"image_anchor_weight": -1}, "`image_anchor_weight` must be a non-negative float.*=-1"),
        ({"text_anchor_weight": -1}, "`text_anchor_weight` must be a non-negative float.*=-1"),
        ({"image_neighborhood_weight": float("nan")}, "`image_neighborhood_weight` must be.*=nan"),
        ({"text_neighborhood_weight": -0.1}, "`text_neighborhood_weight` must be.*=-0.1"),
        ({"positive": "mean"}, "`positive` must be 'hardest' or 'all'. Received: positive='mean'"),
        (
            {"image_embeddings": np.ones(3)},
            r"`image_embeddings` must have rank 2.*shape=\(3,\)",
        ),
        (
            {"text_embeddings": np.ones((4, 3, 1))},
            r"`text_embeddings` must have rank 2.*shape=\(4, 3, 1\)",
        ),
        (
            {"text_embeddings": np.ones((4, 2))},
            r"the same last dimension. Received: \(2, 3\) and \(4, 2\)",
        ),
        (
            {"matches": np.ones((2, 3), bool)},
            r"`matches` must have shape \(2, 4\). Received: shape=\(2, 3\)",
        ),
        ({"matches": np.zeros(3, int)}, r"`matches` must have shape \(2, 4\)"),
        ({"matches": Matches.of([0, 1, 2, 0])}, r"`matches` must have shape \(2, 4\)"),
        ({"negatives": np.ones((4, 2), bool)}, r"`negatives` must have shape \(2, 4\)"),
        ({"negatives": np.ones(4, bool)}, r"`negatives` must have shape \(2, 4\)"),
        ({"text_negatives": np.ones((2, 2), bool)}, r"`text_negatives` must have shape \(4, 4\)"),
        ({"image_negatives": np.ones((4, 4), bool)}, r"`image_negatives` must have shape \(2, 2\)"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    right = {
        "image_embeddings": np.ones((2, 3)),
        "text_embeddings": np.ones((4, 3)),
        "matches": np.array([0, 0, 1, 1]),
        "image_neighborhood_weight": 1.0,
    }
    bidirectional_ranking_loss(**right)
    with pytest.raises(ValueError, match=message):
        bidirectional_ranking_loss(**{**right, **arguments})


def test_a_number_of_rows_that_is_not_static_is_refused():
    @tf.function(input_signature=[tf.TensorSpec((None, 3)), tf.TensorSpec((4, 3))])
    def loss(images, texts):
        return bidirectional_ranking_loss(images, texts, np.ones((2, 4), bool))

    with pytest.raises(ValueError, match=r"`image_embeddings` must have.*static number of rows"):
        loss(tf.ones((2, 3)), tf.ones((4, 3)))


def test_numbers_from_numpy_are_numbers():
    images, texts, masks = batch()
    expected = bidirectional_ranking_loss(images, texts, masks.matches, margin=0.5, top_k=2)
    found = bidirectional_ranking_loss(
        images, texts, masks.matches, margin=np.float64(0.5), top_k=np.int64(2)
    )
    assert found == expected


def test_an_image_out_of_range_is_no_silent_text_without_a_match():
    """`Matches.of` names the row; the loss takes the same form and may not swallow it."""
    with pytest.raises(ValueError, match="2 in row 1"):
        bidirectional_ranking_loss(np.eye(2), np.eye(2), np.array([0, 2]))
