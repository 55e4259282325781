"""Tests of the choice of pairs against Python loops."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.losses.logistic.pair_choice import (
    choose_highest,
    choose_pairs,
    choose_random,
    filled_with_valid,
)


def generator(seed=0):
    return keras.random.SeedGenerator(seed)


@st.composite
def choices(draw):
    """Priorities with ties, a mask of some density, and how many to choose."""
    shape = draw(st.integers(1, 5)), draw(st.integers(1, 7))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    priorities = rng.integers(-3, 3, shape) / 2
    mask = rng.random(shape) < draw(st.sampled_from([0.0, 0.3, 0.8, 1.0]))
    return priorities.astype("float32"), mask, draw(st.integers(1, 9))


@given(choices())
def test_the_highest_are_those_of_a_stable_sort(case):
    priorities, mask, k = case
    columns, valid = choose_highest(priorities, mask, k)
    assert columns.shape == valid.shape == (len(mask), min(k, mask.shape[1]))
    assert (columns.dtype, valid.dtype) == (tf.int32, tf.bool)
    for row in range(len(mask)):
        allowed = np.flatnonzero(mask[row])
        expected = allowed[np.argsort(-priorities[row][allowed], kind="stable")][:k]
        np.testing.assert_array_equal(columns[row][valid[row]], expected)


@given(choices())
def test_the_random_are_distinct_and_allowed_and_all_where_there_are_few(case):
    _, mask, k = case
    columns, valid = choose_random(mask, k, generator())
    assert columns.shape == valid.shape == (len(mask), min(k, mask.shape[1]))
    for row in range(len(mask)):
        found, allowed = columns[row][valid[row]].numpy().tolist(), np.flatnonzero(mask[row])
        assert len(set(found)) == len(found) == min(k, len(allowed))
        assert set(found) <= set(allowed.tolist())


@pytest.mark.parametrize("low", [-3e38, float(np.finfo("float32").min), -np.inf, np.nan])
def test_no_priority_is_so_low_that_a_forbidden_one_is_preferred(low):
    priorities = np.array([[3e38, low, np.inf, low]], "float32")
    columns, valid = choose_highest(priorities, np.array([[False, True, False, True]]), 3)
    assert columns.numpy()[valid].tolist() == [1, 3]
    priorities = np.array([[low, 0.0, np.inf]], "float32")
    columns, valid = choose_highest(priorities, np.ones((1, 3), bool), 3)
    assert columns.numpy()[valid].tolist() == [2, 1, 0]


def test_random_choices_are_uniform():
    """Each of 4 allowed columns in half of 4000 rows, each pair of them in a sixth."""
    mask = np.tile([True, False, True, True, False, True], (4000, 1))
    columns, valid = choose_random(mask, 2, generator(1))
    assert np.all(valid)
    pairs = collections.Counter(tuple(sorted(row)) for row in columns.numpy().tolist())
    assert len(pairs) == 6
    # Five standard deviations of a binomial share of 1/6.
    np.testing.assert_allclose(
        list(pairs.values()), 4000 / 6, atol=5 * np.sqrt(4000 * 1 / 6 * 5 / 6)
    )


def test_each_call_draws_anew_and_the_seed_repeats():
    mask = np.ones((20, 30), bool)
    one, other = generator(3), generator(3)
    first, second = choose_random(mask, 3, one)[0], choose_random(mask, 3, one)[0]
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, choose_random(mask, 3, other)[0])
    np.testing.assert_array_equal(second, choose_random(mask, 3, other)[0])


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_unused_slots_repeat_valid_ones_evenly(valid):
    valid = np.array(valid)
    found = filled_with_valid(valid).numpy()
    assert found.dtype == np.int32
    if not valid.any():
        assert not found.any()
        return
    np.testing.assert_array_equal(found[valid], np.flatnonzero(valid))
    used = np.bincount(found, minlength=len(valid))
    assert not used[~valid].any()
    assert np.ptp(used[valid]) <= 1
    # Those that are repeated once more are spread: any half of the list has half of them, or so.
    extra = used[valid] - used[valid].min()
    ahead = np.cumsum(extra) - extra.mean() * np.arange(1, len(extra) + 1)
    assert np.ptp(ahead) <= 2


def test_filling_does_not_overflow_with_many_slots():
    valid = np.arange(200_000) % 2 == 0
    found = filled_with_valid(valid).numpy()
    assert (np.bincount(found)[::2] == 2).all()


@st.composite
def batches(draw):
    """A many-to-many batch with ignored pairs, padding, distinct scores, and settings."""
    n, m = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    matches = rng.random((n, m)) < draw(st.sampled_from([0.0, 0.2, 0.5, 1.0]))
    negatives = ~matches & (rng.random((n, m)) < draw(st.sampled_from([0.0, 0.7, 1.0])))
    for mask in (matches, negatives):
        mask[rng.permutation(n)[: draw(st.sampled_from([0, 0, 1]))]] = False
    scores = rng.permutation(n * m).reshape(n, m).astype("float32")
    setting = {
        "negative_images": draw(st.integers(0, 3)),
        "positives_per_text": draw(st.integers(1, 3)),
    }
    low = 0 if setting["negative_images"] else 1
    return matches, negatives, scores, {**setting, "negative_texts": draw(st.integers(low, 3))}


def groups_of(pairs, shape, setting):
    """Labelled (image, text) pairs by the three groups; checks sizes and labels of the slots."""
    n, m = shape
    widths = (
        m * min(setting["positives_per_text"], n),
        m * min(setting["positives_per_text"] * setting["negative_images"], n),
        n * min(setting["negative_texts"], m),
    )
    images, texts, labels = (np.asarray(part) for part in pairs)
    assert (images.dtype, texts.dtype, labels.dtype) == ("int32", "int32", "float32")
    assert images.shape == texts.shape == labels.shape == (sum(widths),)
    assert ((images >= 0) & (images < n) & (texts >= 0) & (texts < m)).all()
    found = []
    for start, width, label in zip(np.cumsum([0, *widths[:2]]), widths, (1, -1, -1)):
        slots = slice(start, start + width)
        used = labels[slots] != 0
        assert (labels[slots][used] == label).all()
        found.append(list(zip(images[slots][used].tolist(), texts[slots][used].tolist())))
    return found


def check_counts(groups, matches, negatives, setting):
    """Each group holds allowed pairs, no pair twice, and as many of each anchor as it should."""
    positives, of_texts, of_images = groups
    for group, allowed in zip(groups, (matches, negatives, negatives)):
        assert len(set(group)) == len(group)
        assert all(allowed[pair] for pair in group)
    for text in range(matches.shape[1]):
        chosen = min(matches[:, text].sum(), setting["positives_per_text"])
        assert sum(pair[1] == text for pair in positives) == chosen
        wanted = min(chosen * setting["negative_images"], negatives[:, text].sum())
        assert sum(pair[1] == text for pair in of_texts) == wanted
    for image in range(len(matches)):
        wanted = min(setting["negative_texts"], negatives[image].sum())
        wanted *= matches[image].any()
        assert sum(pair[0] == image for pair in of_images) == wanted


@given(batches())
def test_random_pairs_are_of_the_right_kind_and_number(case):
    matches, negatives, _, setting = case
    pairs = choose_pairs(matches, negatives, generator(), score=None, candidates=None, **setting)
    check_counts(groups_of(pairs, matches.shape, setting), matches, negatives, setting)


@given(batches(), st.booleans())
def test_the_hardest_pairs_are_those_of_the_loops(case, enough_candidates):
    matches, negatives, scores, setting = case
    pairs = choose_pairs(
        matches,
        negatives,
        generator(),
        score=lambda images, texts: tf.gather_nd(scores, tf.stack([images, texts], axis=-1)),
        candidates=9 if enough_candidates else None,
        **setting,
    )
    groups = groups_of(pairs, matches.shape, setting)
    check_counts(groups, matches, negatives, setting)
    _, of_texts, of_images = groups
    for text in range(matches.shape[1]):
        chosen = [pair[0] for pair in of_texts if pair[1] == text]
        by_score = sorted(np.flatnonzero(negatives[:, text]), key=lambda i: -scores[i, text])
        assert chosen == by_score[: len(chosen)]
    for image in range(len(matches)):
        chosen = [pair[1] for pair in of_images if pair[0] == image]
        by_score = sorted(np.flatnonzero(negatives[image]), key=lambda j: -scores[image, j])
        assert chosen == by_score[: len(chosen)]


@pytest.mark.parametrize("candidates", [None, 3])
def test_what_is_scored(candidates):
    """All pairs once, or a few negatives of each anchor; the hardest of them is taken."""
    n, m = 6, 9
    matches = np.arange(n)[:, None] == np.arange(m) % n
    scores = np.random.default_rng(0).permutation(n * m).reshape(n, m).astype("float32")
    calls = []

    def score(images, texts):
        calls.append(list(zip(np.ravel(images).tolist(), np.ravel(texts).tolist())))
        return tf.gather_nd(scores, tf.stack([images, texts], axis=-1))

    setting = {"negative_images": 1, "negative_texts": 1, "positives_per_text": 1}
    setting_and_score = {**setting, "score": score, "candidates": candidates}
    seed = generator()
    choose_pairs(matches, ~matches, seed, **setting_and_score)
    before = [set(call) for call in calls]
    calls.clear()
    pairs = choose_pairs(matches, ~matches, seed, **setting_and_score)
    _, of_texts, of_images = groups_of(pairs, (n, m), setting)
    if candidates is None:
        assert [sorted(call) for call in calls] == [list(np.ndindex(n, m))]
        return
    assert [len(set(call)) for call in calls] == [3 * m, 3 * n]
    assert all(set(call) != others for call, others in zip(calls, before))  # drawn anew
    assert not any(matches[pair] for call in calls for pair in call)
    for anchors, view, chosen in ((m, 1, of_texts), (n, 0, of_images)):
        call = calls[1 - view]
        hardest = [
            max((pair for pair in call if pair[view] == anchor), key=lambda pair: scores[pair])
            for anchor in range(anchors)
        ]
        assert chosen == hardest
