"""Tests of the order of batches, as properties over random relations."""

import collections
import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.batching.neighborhood_order import NeighborhoodOrder
from tb_keras.corpus.matches import Matches
from tests.cases import examples


@st.composite
def orders(draw):
    """Random relations: images with none, one or many texts, texts with none or several images."""
    n, m = draw(st.integers(1, 9)), draw(st.integers(1, 16))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    # Skewed: few images hold most of the texts, so that rounds run out of other images.
    share = rng.dirichlet(np.full(n, draw(st.sampled_from([0.1, 1.0, 50.0]))))
    dense = np.arange(n)[:, None] == rng.choice(n, m, p=share)
    dense |= rng.random((n, m)) < draw(st.sampled_from([0.0, 0.2, 0.7]))
    dense &= rng.random(m) < draw(st.sampled_from([1.0, 0.8]))
    if not dense.any():
        dense[0, 0] = True
    usable = int(dense.any(axis=1).sum())
    batch = draw(st.integers(1, usable))
    settings = batch, draw(st.integers(1, 4)), draw(st.integers(0, 5))
    mined = draw(st.integers(0, batch - 1))
    return dense, NeighborhoodOrder(Matches.of(dense), *settings, mined_images=mined)


def confusions(order, seed):
    """Up to three images for each image, itself among them at times."""
    images = order.matches.num_images
    return np.random.default_rng(seed).integers(-1, images, (images, 3))


@examples(300)
@given(orders(), st.integers(0, 3))
def test_the_promises_of_an_epoch(case, number):
    dense, order = case
    epoch = order.epoch(number, confusions(order, number) if number % 2 else None)
    count = len(epoch.images)
    b, t = order.images_per_batch, order.texts_per_image
    assert epoch.images.shape == (count, b)
    assert epoch.texts.shape == (count, b * t)
    assert epoch.anchors.shape == (count, b)
    assert epoch.anchors.dtype == bool
    texts = epoch.texts.reshape(count, b, t)

    # Every text with an image is an anchor exactly once.
    anchored = texts[:, :, 0][epoch.anchors]
    assert sorted(anchored.tolist()) == np.flatnonzero(dense.any(axis=0)).tolist()
    for images, rows in zip(epoch.images, texts):
        # No image twice in a batch, and none without a text.
        assert len(set(images.tolist())) == b
        for image, row in zip(images, rows):
            own = set(np.flatnonzero(dense[image]).tolist())
            there = [text for text in row.tolist() if text >= 0]
            # Distinct texts of the image, as many as it has and fit; the rest, at the end, padding.
            assert own
            assert set(there) <= own
            assert len(set(there)) == len(there) == min(t, len(own))
            assert row.tolist() == there + [-1] * (t - len(there))
    # As many batches in every epoch: for all anchors, and for the image with the most texts.
    assert count == order.num_batches
    assert count == max(-(-len(anchored) // (b - order.mined_images)), dense.sum(axis=1).max())
    # No batch without an anchor.
    assert epoch.anchors.any(axis=1).all()


@given(orders())
def test_the_order_follows_from_the_seed_and_the_epoch_alone(case):
    _, order = case
    again = dataclasses.replace(order)
    again.epoch(0)  # what was asked before changes nothing
    for number in (2, 0):
        for ours, theirs in zip(order.epoch(number), again.epoch(number)):
            np.testing.assert_array_equal(ours, theirs)


def large_order(seed=0, images_per_batch=20, texts_per_image=2):
    image_of = np.repeat(np.arange(60), 5)
    return NeighborhoodOrder(Matches.of(image_of), images_per_batch, texts_per_image, seed)


def test_other_seeds_and_other_epochs_have_other_orders():
    orders = [large_order(0).epoch(0), large_order(0).epoch(1), large_order(1).epoch(0)]
    texts = [order.texts for order in orders]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (texts[first] != texts[second]).mean() > 0.9
        companions = [
            set(zip(t.reshape(-1, 2)[:, 0].tolist(), t.reshape(-1, 2)[:, 1].tolist()))
            for t in (texts[first], texts[second])
        ]
        assert companions[0] != companions[1]


def test_an_even_relation_fills_its_batches_with_anchors_alone():
    epoch = large_order().epoch(0)
    assert epoch.images.shape == (15, 20)
    assert epoch.anchors.all()


def test_a_relation_that_does_not_divide_is_filled_up():
    epoch = NeighborhoodOrder(Matches.of(np.arange(7)), 3, 1).epoch(0)
    assert epoch.images.shape == (3, 3)
    assert epoch.anchors.sum() == 7


def test_an_image_with_most_of_the_texts():
    """One image of 50 texts among four of one: it must come in 50 batches, once in each."""
    image_of = np.concatenate([np.zeros(50, int), np.arange(1, 5)])
    epoch = NeighborhoodOrder(Matches.of(image_of), 5, 3).epoch(0)
    assert len(epoch.images) == 50
    assert (np.sort(epoch.images, axis=1) == np.arange(5)).all()
    assert epoch.anchors.sum() == 54


def test_companions_and_homes_are_drawn_evenly():
    """Over many epochs: each other text is a companion as often, each image of a text its home."""
    matches = Matches([(0, 0), (0, 1), (0, 2), (0, 3), (1, 3), (2, 3)], 3, 4)
    order = NeighborhoodOrder(matches, 1, 2)
    companions, homes = collections.Counter(), collections.Counter()
    for number in range(600):
        epoch = order.epoch(number)
        for (image,), (anchor, companion) in zip(epoch.images, epoch.texts):
            if anchor == 3:
                homes[image] += 1
            if anchor == 0:
                companions[companion] += 1
    assert set(companions) == {1, 2, 3}
    assert set(homes) == {0, 1, 2}
    for counter in (companions, homes):
        assert sum(counter.values()) == 600
        assert all(150 < count < 250 for count in counter.values()), counter


def test_the_batches_themselves_are_mixed():
    """Images of many texts come in many rounds: the last rounds must not always come last."""
    image_of = np.concatenate([np.arange(40), np.repeat(np.arange(20), 6)])
    order = NeighborhoodOrder(Matches.of(image_of), 10, 1)
    places = [
        np.mean(np.flatnonzero((order.epoch(e).images < 20).all(axis=1)))
        / (len(order.epoch(e).images) - 1)
        for e in range(30)
    ]
    assert 0.4 < np.mean(places) < 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 2), "`images_per_batch` must be a positive int. Received: .*0"),
        ((-1, 2), "`images_per_batch` must be a positive int. Received: .*-1"),
        ((2.0, 2), "`images_per_batch` must be a positive int. Received: .*2.0"),
        ((2, 0), "`texts_per_image` must be a positive int. Received: .*0"),
        ((2, None), "`texts_per_image` must be a positive int. Received: .*None"),
        ((3, 2), "`images_per_batch` must be at most the number of images with a text, 2"),
        ((2, 2, -1), "`seed` must be a non-negative int. Received: .*-1"),
        ((2, 2, 0.5), "`seed` must be a non-negative int. Received: .*0.5"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    matches = Matches.of(np.array([0, 0, 2]))  # image 1 has no text
    with pytest.raises(ValueError, match=message):
        NeighborhoodOrder(matches, *arguments)


def test_a_relation_without_a_match_is_refused():
    with pytest.raises(ValueError, match="number of images with a text, 0"):
        NeighborhoodOrder(Matches([], 3, 4), 1, 1)


@examples(100)
@given(orders(), st.integers(0, 3))
def test_mined_images_are_confused_with_others_of_the_batch(case, number):
    dense, order = case
    confused = confusions(order, number)
    epoch, mined = order.epoch(number, confused), order.mined_images
    rest = order.images_per_batch - mined
    for images, anchors in zip(epoch.images, epoch.anchors):
        assert not anchors[rest:].any()
        # Only anchors were there when they were drawn: other images fill up after them.
        wanted = set(confused[images[anchors]].ravel()) - {-1} - set(images[anchors])
        wanted = {image for image in wanted if dense[image].any()}
        assert len(wanted & set(images)) >= min(mined, len(wanted))


def test_more_mined_images_than_a_batch_holds():
    with pytest.raises(ValueError, match="`mined_images` must be less than images_per_batch=2"):
        NeighborhoodOrder(Matches.of([0, 1]), 2, 1, mined_images=2)
