"""Tests of InfoNCE and the sigmoid loss against loops over pairs in float64."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.losses import info_nce_loss, pairwise_sigmoid_loss
from tests.cases import examples, slow_but
from tests.losses.contrastive import oracle

LOSSES = [
    (info_nce_loss, oracle.info_nce, {"temperature": 0.2}),
    (pairwise_sigmoid_loss, oracle.pairwise_sigmoid, {"temperature": 0.2, "bias": -2.0}),
]
each_loss = pytest.mark.parametrize(
    ("loss", "by_loops", "chosen"), LOSSES, ids=["info_nce", "sigmoid"]
)


def unit(embeddings):
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


@st.composite
def cases(draw, max_images=5, max_texts=7):
    """Embeddings and masks of a random many-to-many batch with ignored pairs and padding."""
    n, m = draw(st.integers(1, max_images)), draw(st.integers(1, max_texts))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    matches = rng.random((n, m)) < draw(st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]))
    if draw(st.booleans()):
        matches |= np.arange(n)[:, None] == rng.integers(0, n, m)
    negatives = ~matches & (rng.random((n, m)) >= draw(st.sampled_from([0.0, 0.2, 1.0])))
    padding = draw(st.sampled_from([0.0, 0.0, 0.3]))
    for mask in (matches, negatives):
        mask[rng.random(n) < padding] = False
        mask[:, rng.random(m) < padding] = False
    dim = draw(st.integers(2, 4))
    scale = draw(st.sampled_from([1.0, 1.0, 0.0, 3.0]))
    both = [scale * unit(rng.normal(size=(size, dim))) for size in (n, m)]
    return [part.astype("float32") for part in both], matches, negatives


@given(cases(), st.sampled_from(LOSSES), st.sampled_from([0.01, 0.05, 1.0]))
def test_the_loss_is_that_of_the_loops(case, which, temperature):
    ((images, texts), matches, negatives), (loss, by_loops, chosen) = case, which
    chosen = {**chosen, "temperature": temperature}
    found = loss(images, texts, matches, negatives=negatives, **chosen)
    assert found.shape == ()
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    expected = by_loops(images, texts, matches, negatives, **chosen)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert found >= 0


def value_and_gradients(loss, images, texts, matches, negatives, **settings):
    """The loss and its gradients with respect to the embeddings, then to each setting."""
    variables = [tf.convert_to_tensor(images), tf.convert_to_tensor(texts)]
    variables += [tf.convert_to_tensor(value, "float32") for value in settings.values()]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        named = dict(zip(settings, variables[2:]))
        value = loss(*variables[:2], matches, negatives=negatives, **named)
    return value, tape.gradient(
        value, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )


@examples(60)
@given(cases(max_images=4, max_texts=5), st.sampled_from(LOSSES))
def test_the_gradient_is_that_of_finite_differences(case, which):
    ((images, texts), matches, negatives), (loss, by_loops, chosen) = case, which
    _, found = value_and_gradients(loss, images, texts, matches, negatives, **chosen)
    expected = oracle.gradient(by_loops, images, texts, matches, negatives, **chosen)
    assert len(found) == len(expected) == 2 + len(chosen)
    for ours, theirs in zip(found, expected):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-4)


def batch(seed=0, n=6, m=11, dim=5, ignored=0.1, padded=(1, 2)):
    """A many-to-many batch of unit-length embeddings, its last rows and columns padding."""
    rng = np.random.default_rng(seed)
    matches = np.arange(n)[:, None] == rng.integers(0, n, m)
    matches |= rng.random((n, m)) < 0.1
    negatives = ~matches & (rng.random((n, m)) >= ignored)
    for mask in (matches, negatives):
        mask[n - padded[0] :] = False
        mask[:, m - padded[1] :] = False
    images, texts = (unit(rng.normal(size=(size, dim))).astype("float32") for size in (n, m))
    return images, texts, matches, negatives


@each_loss
def test_the_first_settings(loss, by_loops, chosen):
    images, texts, matches, negatives = batch()
    found = loss(images, texts, matches, negatives=negatives)
    # The oracle's own first settings are those of the papers and of the docstrings.
    np.testing.assert_allclose(found, by_loops(images, texts, matches, negatives), rtol=1e-5)


def test_one_positive_an_anchor_is_the_symmetric_cross_entropy_of_clip():
    images, texts, *_ = batch(n=7, m=7)
    logits = images @ texts.T / 0.07
    targets = np.arange(7)
    both = [
        keras.losses.sparse_categorical_crossentropy(targets, scores, from_logits=True)
        for scores in (logits, logits.T)
    ]
    found = info_nce_loss(images, texts, targets, temperature=0.07)
    np.testing.assert_allclose(found, np.mean(both), rtol=1e-5)


def test_one_positive_an_image_is_the_sum_of_binary_cross_entropies_by_image():
    images, texts, *_ = batch(n=7, m=7)
    logits = images @ texts.T * 10 - 10
    each = keras.ops.binary_crossentropy(np.eye(7, dtype="float32"), logits, from_logits=True)
    found = pairwise_sigmoid_loss(images, texts, np.arange(7))
    np.testing.assert_allclose(found, np.sum(each) / 7, rtol=1e-5)


def test_positives_of_an_anchor_do_not_push_each_other_away():
    """One image, both texts its own: whatever their scores, there is nothing to tell apart."""
    images, texts = np.array([[1.0, 0.0]]), np.array([[1.0, 0.0], [-1.0, 0.0]])
    assert info_nce_loss(images, texts, np.array([0, 0])) == 0.0


@each_loss
def test_every_form_of_matches_gives_the_same_loss(loss, by_loops, chosen):
    images, texts, *_ = batch()
    image_of = np.random.default_rng(0).integers(0, len(images), len(texts))
    dense = np.arange(len(images))[:, None] == image_of
    expected = by_loops(images, texts, dense, ~dense, **chosen)
    forms = [dense, tf.constant(dense), image_of, tf.constant(image_of), image_of.tolist()]
    for form in [*forms, Matches.of(image_of, len(images))]:
        np.testing.assert_allclose(loss(images, texts, form, **chosen), expected, rtol=1e-5)


@each_loss
def test_a_relation_brings_its_ignored_pairs(loss, by_loops, chosen):
    images, texts, matches, negatives = batch(padded=(0, 0), ignored=0.3)
    ignored = np.argwhere(~matches & ~negatives)
    assert len(ignored)
    relation = Matches(np.argwhere(matches), *matches.shape, ignored=ignored)
    expected = by_loops(images, texts, matches, negatives, **chosen)
    np.testing.assert_allclose(loss(images, texts, relation, **chosen), expected, rtol=1e-5)
    negatives[0] = False  # those given are taken before the relation's own
    expected = by_loops(images, texts, matches, negatives, **chosen)
    found = loss(images, texts, relation, negatives=negatives, **chosen)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@each_loss
def test_padding_counts_nowhere(loss, by_loops, chosen):
    images, texts, matches, negatives = batch(padded=(2, 3))
    whole = loss(images, texts, matches, negatives=negatives, **chosen)
    cut = loss(images[:-2], texts[:-3], matches[:-2, :-3], negatives=negatives[:-2, :-3], **chosen)
    np.testing.assert_allclose(whole, cut, rtol=1e-6)
    images[-2:], texts[-3:] = 1e3, -1e3
    _, gradients = value_and_gradients(loss, images, texts, matches, negatives, **chosen)
    assert not np.any(gradients[0][-2:])
    assert not np.any(gradients[1][-3:])


@each_loss
def test_an_ignored_pair_has_no_effect(loss, by_loops, chosen):
    """Images along one axis, texts along another, but for the pair that is ignored."""
    images, texts = np.eye(3, dtype="float32"), np.eye(3, dtype="float32")
    matches, negatives = np.eye(3, dtype=bool), ~np.eye(3, dtype=bool)
    negatives[0, 1] = False
    texts_near = texts.copy()
    texts_near[1, 0] = 50.0  # its score with image 0 alone
    found = [loss(images, t, matches, negatives=negatives, **chosen) for t in (texts, texts_near)]
    assert found[0] == found[1] > 0


@pytest.mark.slow
@each_loss
def test_eager_graph_and_xla_agree(loss, by_loops, chosen):
    inputs = [tf.constant(array) for array in batch(1)]

    def step(images, texts, matches, negatives):
        return value_and_gradients(loss, images, texts, matches, negatives, **chosen)

    expected, expected_gradients = step(*inputs)
    assert expected > 0.1
    for jit_compile in (False, True):
        found, gradients = tf.function(step, jit_compile=jit_compile)(*inputs)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        for ours, theirs in zip(gradients, expected_gradients):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@each_loss
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(loss, by_loops, chosen, dtype):
    images, texts, *masks = batch()
    images, texts = tf.cast(images, dtype), tf.cast(texts, dtype)
    found, gradients = value_and_gradients(loss, images, texts, *masks, **chosen)
    assert found.dtype == tf.float32
    assert [gradient.dtype for gradient in gradients[:2]] == [dtype, dtype]
    rounded = [tf.cast(part, tf.float32).numpy() for part in (images, texts)]
    np.testing.assert_allclose(found, by_loops(*rounded, *masks, **chosen), rtol=1e-5)
    # Scores that overflow float16 must not overflow here.
    assert np.isfinite(loss(images * 300, texts * 300, masks[0], negatives=masks[1], **chosen))


def none(n=6, m=11):
    return np.zeros((n, m), bool)


IMAGES, TEXTS, MATCHES, NEGATIVES = batch(padded=(0, 0))
ONE_WITHOUT = NEGATIVES & (np.arange(6) != 2)[:, None] & (np.arange(11) != 3)
EDGE_CASES = {
    "no negatives": (IMAGES, TEXTS, ~none(), none()),
    "no matches": (IMAGES, TEXTS, none(), ~none()),
    "nothing at all": (IMAGES, TEXTS, none(), none()),
    "a row and a column without negatives": (IMAGES, TEXTS, MATCHES, ONE_WITHOUT),
    "one pair": (IMAGES[:1], TEXTS[:1], ~none(1, 1), none(1, 1)),
    "zero embeddings": (0 * IMAGES, 0 * TEXTS, MATCHES, NEGATIVES),
    "long embeddings": (1e4 * IMAGES, 1e4 * TEXTS, MATCHES, NEGATIVES),
    "short embeddings": (1e-30 * IMAGES, 1e-30 * TEXTS, MATCHES, NEGATIVES),
}


@functools.cache
def compiled(loss, jit_compile):
    """One function for all cases of a loss, traced once for each of their shapes."""
    ((_, _, chosen),) = [case for case in LOSSES if case[0] is loss]
    return tf.function(
        lambda *inputs: value_and_gradients(loss, *inputs, **chosen), jit_compile=jit_compile
    )


@each_loss
@pytest.mark.parametrize("jit_compile", slow_but(False, cases=[False, True]))
@pytest.mark.parametrize("name", EDGE_CASES)
def test_edge_cases(loss, by_loops, chosen, name, jit_compile):
    images, texts, matches, negatives = EDGE_CASES[name]
    found, gradients = compiled(loss, jit_compile)(*map(tf.constant, EDGE_CASES[name]))
    expected = by_loops(images, texts, matches, negatives, **chosen)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    if name == "nothing at all":
        assert found == 0
        assert not any(np.any(gradient) for gradient in gradients)


@each_loss
@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf"), np.float32(-2)])
def test_a_wrong_temperature_is_named(loss, by_loops, chosen, temperature):
    with pytest.raises(ValueError, match=rf"`temperature` must be a positive.*={temperature}"):
        loss(IMAGES, TEXTS, MATCHES, temperature=temperature)


@each_loss
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"matches": MATCHES[:, 1:]}, r"`matches` must have shape \(6, 11\)"),
        ({"matches": np.full(11, 6)}, "6"),
        ({"negatives": MATCHES[:3]}, r"`negatives` must have shape \(6, 11\)"),
        ({"text_embeddings": TEXTS[:, 1:]}, "same last dimension"),
        ({"image_embeddings": IMAGES[0]}, "`image_embeddings` must have rank 2"),
    ],
)
def test_wrong_shapes_are_named(loss, by_loops, chosen, change, message):
    right = {"image_embeddings": IMAGES, "text_embeddings": TEXTS, "matches": MATCHES}
    with pytest.raises(ValueError, match=message):
        loss(**{**right, **change})
