"""Tests of the images that a network confuses, against loops over all pairs."""

import dataclasses

import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.corpus.matches import Matches
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import ConfusedImages, confused_images
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe
from tests.training.toy_corpora import retrieval_corpus


def corpus(seed, num_images=9, num_texts=14):
    """Texts of none, one or several images; images of none to more than five texts."""
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((num_images, num_texts)) < 0.2)
    pairs = np.concatenate([pairs, [[0, text] for text in range(7)]])
    ignored = np.argwhere(rng.random((num_images, num_texts)) < 0.1)
    matched = {tuple(pair) for pair in pairs.tolist()}
    ignored = [pair for pair in ignored.tolist() if tuple(pair) not in matched]
    return Corpus(
        Matches(pairs, num_images, num_texts, ignored=np.reshape(ignored, (-1, 2))),
        image_features=rng.normal(size=(num_images, 4)),
        text_features=rng.normal(size=(num_texts, 3)),
    )


def network():
    return EmbeddingNetwork(4, 3, hidden_dim=8, embedding_dim=3)


def by_loops(scores, before, matches, count):
    """The nearest wrong columns of each row."""
    found = []
    for row, values in enumerate(scores):
        own = matches.mask([row])[0]
        wrong = [
            column
            for column in np.argsort(-values)
            if matches.negative_mask([row])[0, column]
            and (before is None or (own.any() and before[row, column] <= before[row, own].max()))
        ]
        found.append(wrong[:count])
    return found


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize("block_values", [2**24, 20])
def test_the_nearest_wrong_ones_of_images_and_of_their_texts(guarded, block_values, monkeypatch):
    monkeypatch.setattr(confused_images, "_BLOCK_VALUES", block_values)
    for seed in range(3):
        given, trained = corpus(seed), network()
        mine = ConfusedImages(trained, given, count=2, guarded=guarded)
        before = trained.score_matrix(given.image_features, given.text_features)
        rng = np.random.default_rng(seed)
        for weight in trained.trainable_weights:
            weight.assign(rng.normal(size=weight.shape))
        scores = trained.score_matrix(given.image_features, given.text_features)
        before = before if guarded else None
        texts = by_loops(scores, before, given.matches, 2)
        turned = None if before is None else before.T
        images = by_loops(scores.T, turned, given.matches.transposed(), 2)
        for image, found in enumerate(mine(epoch=3)):
            expected = {
                given.matches.images_of(text)[0]
                for text in texts[image]
                if len(given.matches.images_of(text))
            }
            for text in given.matches.texts_of(image)[:5]:
                expected |= set(images[text])
            assert set(found[found >= 0].tolist()) >= expected - {-1}
            assert len(set(found[found >= 0].tolist())) == len(expected)


def test_training_draws_them():
    train = retrieval_corpus(24, 0)
    recipe = Recipe(hidden_dim=8, embedding_dim=4, images_per_batch=8, mined_images=3, epochs=2)
    _, model, batches = from_recipe(train, recipe)
    plain = dataclasses.replace(recipe, mined_images=0)
    fewer, more = (int(from_recipe(train, r).batches(0).cardinality()) for r in (plain, recipe))
    assert (fewer, more) == (6, 10)  # 48 anchors, 8 or 5 in a batch
    history = model.fit(batches(0), epochs=2, shuffle=False, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert all(batch["image"].shape == (8, 7) for batch in batches(0).take(3))


def test_bad_arguments():
    given = corpus(0)
    with pytest.raises(ValueError, match="`count` must be a positive int"):
        ConfusedImages(network(), given, count=0)
    similarity = SimilarityNetwork(4, 3, hidden_dim=4, embedding_dim=3)
    with pytest.raises(ValueError, match="`network` must be an `EmbeddingNetwork`"):
        ConfusedImages(similarity, given)
