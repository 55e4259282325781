"""Tests of the distillation loss against loops over anchors in float64."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.corpus.matches import Matches
from tb_keras.losses import distillation_loss
from tests.cases import examples
from tests.losses.contrastive.test_loss import batch, cases
from tests.losses.distillation import oracle


def teacher_of(matches, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, matches.shape).astype("float32")


@given(cases(), st.sampled_from([0.05, 0.2, 1.0]), st.integers(0, 9))
def test_the_loss_is_that_of_the_loops(case, temperature, seed):
    (images, texts), matches, negatives = case
    scores = teacher_of(matches, seed)
    found = distillation_loss(
        images, texts, scores, matches, negatives=negatives, temperature=temperature
    )
    assert found.shape == ()
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    expected = oracle.distillation(images, texts, scores, matches, negatives, temperature)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@examples(60)
@given(cases(max_images=4, max_texts=5), st.integers(0, 9))
def test_the_gradient_is_that_of_finite_differences(case, seed):
    (images, texts), matches, negatives = case
    scores = teacher_of(matches, seed)
    variables = [tf.convert_to_tensor(images), tf.convert_to_tensor(texts)]
    with tf.GradientTape() as tape:
        tape.watch(variables)
        value = distillation_loss(*variables, scores, matches, negatives=negatives, temperature=0.3)
    found = tape.gradient(value, variables)
    expected = oracle.gradient(images, texts, scores, matches, negatives, temperature=0.3)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-4)


def test_the_first_temperature():
    images, texts, matches, negatives = batch()
    scores = teacher_of(matches)
    found = distillation_loss(images, texts, scores, matches, negatives=negatives)
    expected = oracle.distillation(images, texts, scores, matches, negatives)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_student_that_agrees_has_no_loss_and_no_gradient():
    images, texts, matches, negatives = batch()
    images, scores = tf.constant(images), images @ texts.T
    with tf.GradientTape() as tape:
        tape.watch(images)
        loss = distillation_loss(images, texts, scores, matches, negatives=negatives)
    np.testing.assert_allclose(loss, 0.0, atol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, images), 0.0, atol=1e-5)


def test_it_is_the_kl_divergence_of_keras():
    images, texts, *_ = batch(n=7, m=7)
    scores = teacher_of(np.eye(7))
    both = [scores / 0.3, images @ texts.T / 0.3]
    expected = [
        keras.losses.kl_divergence(*(keras.ops.softmax(s, axis=1) for s in way))
        for way in (both, [s.T for s in both])
    ]
    found = distillation_loss(images, texts, scores, np.arange(7), temperature=0.3)
    np.testing.assert_allclose(found, np.mean(expected), rtol=1e-4)


def test_ignored_pairs_and_padding_do_not_count():
    images, texts, matches, negatives = batch(ignored=0.3)
    scores, other = teacher_of(matches), teacher_of(matches, seed=1)
    left_out = ~(matches | negatives)
    assert left_out[:-1, :-2].any()
    found = [
        distillation_loss(images, texts, s, matches, negatives=negatives)
        for s in (scores, np.where(left_out, other, scores))
    ]
    assert found[0] == found[1]


def test_matches_bring_their_negatives():
    images, texts, *_ = batch()
    pairs = np.array([[0, 0], [1, 1], [1, 2]])
    matches = Matches(pairs, len(images), len(texts), ignored=np.array([[0, 3]]))
    scores = teacher_of(matches.mask())
    found = distillation_loss(images, texts, scores, matches)
    expected = distillation_loss(
        images, texts, scores, matches.mask(), negatives=matches.negative_mask()
    )
    assert found == expected


def test_bad_arguments():
    images, texts, matches, _ = batch()
    with pytest.raises(ValueError, match=r"`teacher_scores` must have shape \(6, 11\).*\(11, 6\)"):
        distillation_loss(images, texts, teacher_of(matches).T, matches)
    with pytest.raises(ValueError, match="`temperature` must be a positive float"):
        distillation_loss(images, texts, teacher_of(matches), matches, temperature=0.0)
