"""Tests of batches that are read from sharded files."""

import json

import keras
import numpy as np
import pytest

from tb_keras.batching import shard_sample, sharded_batches, write_shards
from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.losses import BidirectionalRanking
from tb_keras.networks import EmbeddingNetwork
from tb_keras.training import attach_losses

IMAGES, TEXTS = 23, 61


def corpus():
    """The first feature of each image and text is its number; some texts are of two images."""
    rng = np.random.default_rng(0)
    pairs = np.stack([rng.integers(1, IMAGES, TEXTS), np.arange(TEXTS)], axis=1)
    more = np.stack([rng.integers(1, IMAGES, 9), rng.integers(0, TEXTS, 9)], axis=1)
    images, texts = (rng.random((count, dim)) for count, dim in ((IMAGES, 4), (TEXTS, 3)))
    images[:, 0], texts[:, 0] = np.arange(IMAGES), np.arange(TEXTS)
    matches = Matches(np.concatenate([pairs, more]), IMAGES, TEXTS)
    return Corpus(
        matches, image_features=images.astype("float16"), text_features=texts.astype("float32")
    )


CORPUS = corpus()
WITH_TEXT = np.flatnonzero(CORPUS.matches.texts_per_image())  # image 0 has none


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    directory = tmp_path_factory.mktemp("shards")
    write_shards(CORPUS, directory, images_per_shard=5, verbose=False)
    return directory


def numbers(batch):
    """The images and the texts of a batch, -1 where there is padding."""
    texts = batch["text"].numpy()
    return batch["image"].numpy()[:, 0], np.where(texts.any(axis=1), texts[:, 0], -1).astype(int)


def test_each_image_comes_once_an_epoch_with_its_own_texts(shards):
    dataset = sharded_batches(shards, 4, 3, shuffled_images=7)
    epochs = [list(dataset) for _ in range(2)]
    orders = []
    for batches in epochs:
        assert len(batches) == len(WITH_TEXT) // 4 == int(dataset.cardinality())
        orders.append(np.concatenate([numbers(batch)[0] for batch in batches]))
        assert len(set(orders[-1])) == 4 * len(batches)
        assert set(orders[-1]) <= set(WITH_TEXT)
        for batch in batches:
            images, texts = numbers(batch)
            np.testing.assert_array_equal(
                batch["image"], CORPUS.image_features[images.astype(int)].astype("float32")
            )
            there = texts >= 0
            kept = CORPUS.text_features.astype("float16").astype("float32")
            np.testing.assert_array_equal(batch["text"].numpy()[there], kept[texts[there]])
            own = batch["matches"].numpy()[np.repeat(np.arange(4), 3), np.arange(12)]
            np.testing.assert_array_equal(own, there)
            masks = CORPUS.matches.batch_masks(images.astype(int), texts)
            np.testing.assert_array_equal(batch["matches"], masks.matches)
            np.testing.assert_array_equal(batch["negatives"], masks.negatives)
            np.testing.assert_array_equal(batch["image_negatives"], masks.image_negatives)
            assert (batch["text_negatives"].numpy() >= masks.text_negatives).all()
            counts = CORPUS.matches.texts_per_image()[images.astype(int)]
            np.testing.assert_array_equal(there.reshape(4, 3).sum(axis=1), np.minimum(counts, 3))
    assert orders[0].tolist() != orders[1].tolist()


def test_the_order_follows_from_seed_and_epoch(shards):
    def epochs(count, **settings):
        dataset = sharded_batches(shards, 4, 2, shuffled_images=9, **settings)
        found = [[numbers(batch) for batch in dataset] for _ in range(count)]
        return [np.concatenate([np.concatenate(one) for one in epoch]).tolist() for epoch in found]

    keras.utils.set_random_seed(7)  # which must not matter
    first = epochs(3)
    assert epochs(3) == first
    assert epochs(1, first_epoch=2) == first[2:]
    assert epochs(1, seed=1) != first[:1]
    assert first[0] != first[1]


def test_addresses_are_read_as_directories_are(shards):
    address = "ram://shards/of/test"  # stands for gs://
    write_shards(CORPUS, address, images_per_shard=5, verbose=False)
    write_shards(CORPUS, address, images_per_shard=5, verbose=False)
    ours, theirs = (next(iter(sharded_batches(where, 4, 2))) for where in (address, shards))
    for name, values in ours.items():
        np.testing.assert_array_equal(values, theirs[name])
    sample = shard_sample(address)
    np.testing.assert_array_equal(sample.image_features, shard_sample(shards).image_features)


def test_workers_share_the_files(shards):
    parts = [sharded_batches(shards, 1, 1, num_shards=2, shard_index=index) for index in range(2)]
    seen = [{int(numbers(batch)[0][0]) for batch in part} for part in parts]
    assert seen[0] | seen[1] == set(WITH_TEXT)
    assert not seen[0] & seen[1]


def test_a_training(shards):
    network = EmbeddingNetwork(4, 3, hidden_dim=8, embedding_dim=4)
    model = attach_losses(network, BidirectionalRanking(margin=0.2))
    model.compile("adam")
    history = model.fit(sharded_batches(shards, 6, 2), epochs=3, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_errors(shards, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"`directory` must hold shards\.json"):
        sharded_batches(tmp_path)
    with pytest.raises(ValueError, match="`images_per_batch` must be at most the number of images"):
        sharded_batches(shards, 500)
    with pytest.raises(ValueError, match="`shard_index` must be less than num_shards=2"):
        sharded_batches(shards, 1, num_shards=2, shard_index=2)
    words = CORPUS.replace(text_features=np.ones((TEXTS, 2), "int32"))
    with pytest.raises(ValueError, match="features that are floats"):
        write_shards(words, tmp_path, verbose=False)
    large = CORPUS.replace(image_features=np.full((IMAGES, 2), 1e6))
    with pytest.raises(ValueError, match=r"features must fit float16\. Received: up to 1e\+06"):
        write_shards(large, tmp_path, verbose=False)
    with pytest.raises(FileNotFoundError):  # it was not written to the end
        sharded_batches(tmp_path)
    (tmp_path / "shards.json").write_text(json.dumps({"format": 0}))
    with pytest.raises(ValueError, match="of another version"):
        sharded_batches(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "`seed` must be a non-negative int"),
        ({"num_shards": 6, "shard_index": 5}, "`num_shards` must be at most .* files, 4"),
    ],
)
def test_seeds_and_shards_out_of_range_are_named(shards, arguments, message):
    with pytest.raises(ValueError, match=message):
        sharded_batches(shards, 1, 1, **arguments)
