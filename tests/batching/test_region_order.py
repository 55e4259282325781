"""Tests of which regions come with which phrases, on small random corpora."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tb_keras.batching.region_order import RegionOrder
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tests.batching.numbered_regions import boxes_from, numbered_regions, usable_phrases


@st.composite
def drawn_batches(draw):
    """A corpus, an order and a batch of pictures with phrases of theirs, some of them padding."""
    corpus = numbered_regions(draw(st.integers(0, 200)), pictures=draw(st.integers(1, 6)))
    phrases_per_picture = draw(st.integers(1, 4))
    regions_per_phrase = draw(st.integers(1, 3))
    least = phrases_per_picture * regions_per_phrase
    order = RegionOrder(
        corpus, phrases_per_picture, draw(st.integers(least, least + 6)), regions_per_phrase
    )
    all_pictures = range(corpus.grounding.num_pictures)
    pictures = draw(st.lists(st.sampled_from(all_pictures), unique=True, min_size=1))
    phrases = []
    for picture in pictures:
        own = np.flatnonzero(corpus.grounding.phrase_pictures == picture).tolist()
        some = (
            draw(st.lists(st.sampled_from(own), unique=True, max_size=phrases_per_picture))
            if own
            else []
        )
        phrases += some + [-1] * (phrases_per_picture - len(some))
    return order, np.array(pictures), np.array(phrases), draw(st.integers(0, 9))


@given(drawn_batches())
def test_regions_of_a_batch(batch):
    order, pictures, phrases, seed = batch
    corpus, size = order.corpus, order.regions_per_picture
    regions = order.regions(pictures, phrases, np.random.default_rng(seed))
    assert regions.dtype == np.int64
    assert regions.shape == (len(pictures) * size,)
    blocks = zip(pictures, regions.reshape(-1, size), phrases.reshape(len(pictures), -1))
    for picture, of_picture, phrases_of_picture in blocks:
        own = np.flatnonzero(corpus.grounding.region_pictures == picture)
        real = of_picture[of_picture >= 0]
        assert len(real) == len(set(real)) == min(size, len(own))
        assert set(real) <= set(own)
        np.testing.assert_array_equal(of_picture[len(real) :], -1)
        for phrase in phrases_of_picture[phrases_of_picture >= 0]:
            matching = corpus.matches.images_of(phrase)
            least = min(order.regions_per_phrase, len(matching))
            assert np.isin(real, matching).sum() >= least
    again = order.regions(pictures, phrases, np.random.default_rng(seed))
    np.testing.assert_array_equal(again, regions)


@given(st.integers(0, 200))
def test_usable_phrases(seed):
    corpus = numbered_regions(seed)
    usable = usable_phrases(corpus)
    order = RegionOrder(corpus, 1, 1, 1)
    if not usable:
        with pytest.raises(ValueError, match="`corpus` must have a phrase that some region match"):
            order.usable_phrases()
        return
    found = order.usable_phrases()
    assert (found.num_images, found.num_texts) == (10, corpus.num_texts)
    expected = [(int(corpus.grounding.phrase_pictures[phrase]), phrase) for phrase in usable]
    assert sorted(map(tuple, found.pairs.tolist())) == sorted(expected)
    assert len(found.ignored) == 0


def one_picture(matching, others):
    """One phrase, with so many regions that match it and so many that do not."""
    left = [0] * matching + [50] * others
    zeros = np.zeros(len(left), int)
    grounding = Grounding(["a.png"], [[100, 100]], zeros, boxes_from(left), [0], boxes_from([0]))
    return Corpus(grounding.matches_by_iou(), grounding=grounding)


def counts(order, draws=400):
    """How often each region came, over many draws."""
    rng = np.random.default_rng(0)
    found = [order.regions(np.array([0]), np.array([0]), rng) for _ in range(draws)]
    return np.bincount(np.concatenate(found), minlength=order.corpus.num_images)


def test_matching_regions_are_drawn_anew_each_time():
    """Two of the five come with the phrase each time, and each of the five as often as another."""
    order = RegionOrder(one_picture(5, 6), 1, 2, 2)
    found = counts(order)
    assert found[:5].min() > 120  # 160 on average, with a standard deviation below 10
    assert found[:5].max() < 200
    np.testing.assert_array_equal(found[5:], 0)


def test_other_regions_fill_up_at_random():
    """One match is certain; the other two places are open to all ten regions left."""
    order = RegionOrder(one_picture(1, 10), 1, 3, 1)
    found = counts(order)
    assert found[0] == 400
    assert found[1:].min() > 50  # 80 on average, with a standard deviation of 8
    assert found[1:].max() < 110


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ((0, 4, 1), "`phrases_per_picture` must be a positive int. Received: .*0"),
        ((1, 0, 1), "`regions_per_picture` must be a positive int. Received: .*0"),
        ((1, 4, 0), "`regions_per_phrase` must be a positive int. Received: .*0"),
        ((1.5, 4, 1), "`phrases_per_picture` must be a positive int. Received: .*1.5"),
        ((2, 5, 3), r"`regions_per_picture` must be .* = 6. Received: regions_per_picture=5"),
    ],
)
def test_numbers_out_of_range_are_named(numbers, message):
    with pytest.raises(ValueError, match=message):
        RegionOrder(one_picture(1, 1), *numbers)
