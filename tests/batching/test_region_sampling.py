"""Tests of the batches of regions and phrases as `tf.data` and `fit` see them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.batching import region_batches
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.grounding import Grounding
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import attach_losses
from tests.batching.numbered_regions import boxes_from, numbered_regions, usable_phrases

SIZES = {
    "pictures_per_batch": 3,
    "phrases_per_picture": 3,
    "regions_per_picture": 7,
    "regions_per_phrase": 2,
}


def batches_of(corpus, **changes):
    return region_batches(corpus, **{**SIZES, **changes})


def rows_of(batch):
    """The region and phrase indices of a batch, read off its features; -1 is padding."""
    found = []
    for view in ("image", "text"):
        features = batch[view].numpy()
        assert (features == features[:, :1]).all()
        found.append(features[:, 0].astype(int) - 1)
    return found


def as_lists(batches):
    return [[rows.tolist() for rows in rows_of(batch)] for batch in batches]


def per_picture(batch, num_pictures=SIZES["pictures_per_batch"]):
    """The regions and the phrases of each picture of a batch."""
    return zip(*(rows.reshape(num_pictures, -1) for rows in rows_of(batch)))


def test_shapes_are_static():
    batches = batches_of(numbered_regions())
    n, m = 3 * 7, 3 * 3
    expected = {
        "image": ((n, 3), tf.float32),
        "text": ((m, 2), tf.float32),
        "matches": ((n, m), tf.bool),
        "negatives": ((n, m), tf.bool),
        "text_negatives": ((m, m), tf.bool),
        "image_negatives": ((n, n), tf.bool),
    }
    spec = batches.element_spec
    assert {k: (tuple(v.shape), v.dtype) for k, v in spec.items()} == expected
    for _ in range(3):  # in each epoch
        assert batches.cardinality() == len(list(batches))
    batch = next(iter(batches))
    assert {k: (tuple(v.shape), v.dtype) for k, v in batch.items()} == expected


@pytest.mark.parametrize("seed", range(5))
def test_what_stands_in_a_batch(seed):
    corpus = numbered_regions(seed)
    of_region, of_phrase = corpus.grounding.region_pictures, corpus.grounding.phrase_pictures
    usable, batches = usable_phrases(corpus), batches_of(corpus, seed=seed)
    for _ in range(2):
        anchors = []
        for batch in batches:
            pictures = []
            for regions, phrases in per_picture(batch):
                anchors.append(int(phrases[0]))
                pictures.append(of_phrase[phrases[0]])
                kept, real = phrases[phrases >= 0], regions[regions >= 0]
                own = [p for p in usable if of_phrase[p] == pictures[-1]]
                assert set(kept) <= set(own)
                assert len(kept) == len(set(kept)) == min(3, len(own))
                assert (of_region[real] == pictures[-1]).all()
                there = np.count_nonzero(of_region == pictures[-1])
                assert len(real) == len(set(real)) == min(7, there)
                for phrase in kept:
                    matching = corpus.matches.images_of(phrase)
                    assert np.isin(real, matching).sum() >= min(2, len(matching))
            assert len(set(pictures)) == 3
        assert sorted(set(anchors)) == usable  # without a box, or without a match: never


def even_corpus():
    """Six pictures with two usable phrases each: three pictures a batch leave nothing over."""
    pictures = np.repeat(np.arange(6), 2)
    boxes = boxes_from([0, 40] * 6)
    grounding = Grounding(
        [f"{i}.png" for i in range(6)], [[99, 99]] * 6, pictures, boxes, pictures, boxes
    )
    features = np.arange(1, 13, dtype="float32")[:, None]
    return Corpus(
        grounding.matches_by_iou(),
        image_features=features,
        text_features=features,
        grounding=grounding,
    )


def test_each_usable_phrase_is_an_anchor_once():
    batches = batches_of(even_corpus())
    assert batches.cardinality() == 4
    for _ in range(3):
        anchors = [phrases[0] for batch in batches for _, phrases in per_picture(batch)]
        assert sorted(anchors) == list(range(12))


def apart(kinds, j, k):
    """Whether two columns are each other's negatives; 1 is a match, 2 ignored, 0 a negative."""
    return bool(
        j != k
        and (kinds[kinds[:, j] == 1, k] == 0).all()
        and (kinds[kinds[:, k] == 1, j] == 0).all()
    )


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_the_masks_are_those_of_the_rows_that_were_taken(seed, cross):
    corpus = numbered_regions(seed)
    of_region, of_phrase = corpus.grounding.region_pictures, corpus.grounding.phrase_pictures
    kinds = np.zeros((corpus.num_images, corpus.num_texts), int)
    kinds[tuple(corpus.matches.pairs.T)] = 1
    kinds[tuple(corpus.matches.ignored.T)] = 2
    met = {"padded": 0, "ignored": 0, "crossing": 0}
    for batch in batches_of(corpus, seed=seed, cross_image_negatives=cross):
        regions, phrases = rows_of(batch)
        found = {name: mask.numpy() for name, mask in batch.items()}
        for a, i in enumerate(regions):
            for b, j in enumerate(phrases):
                if i < 0 or j < 0:
                    kind = None
                    met["padded"] += 1
                else:
                    kind = kinds[i, j]
                    met["ignored"] += kind == 2
                safe = kind == 0 and (cross or of_region[i] == of_phrase[j])
                assert found["matches"][a, b] == (kind == 1)
                assert found["negatives"][a, b] == safe
                met["crossing"] += bool(safe and of_region[i] != of_phrase[j])
        views = [
            ("text_negatives", phrases, kinds, of_phrase),
            ("image_negatives", regions, kinds.T, of_region),
        ]
        for name, rows, of_rows, picture in views:
            expected = [
                [
                    j >= 0
                    and k >= 0
                    and apart(of_rows, j, k)
                    and (cross or picture[j] == picture[k])
                    for k in rows
                ]
                for j in rows
            ]
            np.testing.assert_array_equal(found[name], expected)
    assert met["padded"]
    assert met["ignored"]
    assert bool(met["crossing"]) == cross


def test_the_order_follows_from_the_seed_and_the_epoch():
    corpus = numbered_regions()
    alone = [as_lists(batches_of(corpus, first_epoch=epoch)) for epoch in range(4)]
    assert all(alone[a] != alone[b] for a in range(4) for b in range(a))
    batches = batches_of(corpus)
    assert [as_lists(batches) for _ in range(3)] == alone[:3]
    later = batches_of(corpus, first_epoch=2)
    assert [as_lists(later) for _ in range(2)] == alone[2:]
    assert as_lists(batches_of(corpus, seed=1)) != alone[0]


def test_a_phrase_meets_other_matches_in_other_epochs():
    """Positive region augmentation: over the epochs every region that matches comes by."""
    zeros = np.zeros(9, int)
    grounding = Grounding(["a.png"], [[99, 99]], zeros, boxes_from([0] * 9), [0], boxes_from([0]))
    features = np.arange(1, 10, dtype="float32")[:, None]
    corpus = Corpus(
        grounding.matches_by_iou(),
        image_features=features,
        text_features=features[:1],
        grounding=grounding,
    )
    batches = region_batches(corpus, 1, 1, 2, regions_per_phrase=2)
    seen = {region for _ in range(20) for batch in batches for region in rows_of(batch)[0]}
    assert seen == set(range(9))


def test_the_regions_are_not_drawn_by_the_numbers_that_order_the_phrases(monkeypatch):
    """To NumPy the seeds [0, 1] and [0, 1, 0] are one and the same."""
    first, made = [], np.random.default_rng
    monkeypatch.setattr(
        np.random, "default_rng", lambda seed: first.append(made(seed).random()) or made(seed)
    )
    list(batches_of(numbered_regions(), first_epoch=1))
    assert len(first) == len(set(first)) > 2


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_memory_maps_of_any_float_type(tmp_path, dtype):
    corpus = numbered_regions(dtype=dtype)
    expected = as_lists(batches_of(corpus))
    corpus.save(tmp_path / "corpus")
    loaded = Corpus.load(tmp_path / "corpus")
    assert isinstance(loaded.image_features, np.memmap)
    batches = list(batches_of(loaded))
    assert {batch[view].dtype for batch in batches for view in ("image", "text")} == {tf.float32}
    assert as_lists(batches) == expected
    np.testing.assert_array_equal(loaded.image_features, corpus.image_features)  # none zeroed


@pytest.mark.slow
def test_a_network_trains_on_them():
    corpus = numbered_regions()
    network = EmbeddingNetwork(3, 2, hidden_dim=8, embedding_dim=4)
    before = [weight.numpy() for weight in network.trainable_weights]
    model = attach_losses(network)
    model.compile(keras.optimizers.SGD(0.1))
    batches = batches_of(corpus)
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert min(history["loss"]) > 0
    assert sum(not np.array_equal(w, old) for w, old in zip(network.trainable_weights, before)) > 8


@pytest.mark.parametrize("lacking", ["image_features", "text_features", "grounding"])
def test_what_a_corpus_lacks_is_named(lacking):
    with pytest.raises(ValueError, match="`corpus` must have a grounding, image_features and text"):
        batches_of(numbered_regions().replace(**{lacking: None}))


def test_a_corpus_where_nothing_matches():
    corpus = numbered_regions()
    nothing = corpus.replace(matches=np.zeros((corpus.num_images, corpus.num_texts), bool))
    with pytest.raises(ValueError, match="`corpus` must have a phrase that some region matches"):
        batches_of(nothing)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pictures_per_batch": 0}, "`pictures_per_batch` must be a positive int. Received: .*0"),
        ({"pictures_per_batch": 2.0}, "`pictures_per_batch` must be a positive int.*2.0"),
        (
            {"pictures_per_batch": 11},
            "`pictures_per_batch` must be at most .*pictures_per_batch=11",
        ),
        ({"phrases_per_picture": 0}, "`phrases_per_picture` must be a positive int"),
        ({"regions_per_picture": 5}, "`regions_per_picture` must be at least .* = 6. .*=5"),
        ({"regions_per_phrase": 0}, "`regions_per_phrase` must be a positive int"),
        ({"seed": -1}, "`seed` must be a non-negative int. Received: .*-1"),
        ({"first_epoch": -1}, "`first_epoch` must be a non-negative int. Received: .*-1"),
    ],
)
def test_numbers_out_of_range_are_named_at_once(changes, message):
    """When the data set is made, not by its generator in the middle of `fit`."""
    with pytest.raises(ValueError, match=message):
        batches_of(numbered_regions(), **changes)
