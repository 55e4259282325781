"""Tests of the start from canonical correlation analysis, against the baselines of that name."""

import dataclasses

import keras
import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.encoders.text.word_encoder import word_encoder
from tb_keras.evaluation.baselines.kernel_cca_baseline import KernelCCABaseline
from tb_keras.evaluation.baselines.localization_baselines import localization_recall_at_1
from tb_keras.evaluation.baselines.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.evaluation.baselines.ridge_baseline import retrieval_rsum
from tb_keras.networks import EmbeddingNetwork, KernelStart, LinearStart
from tb_keras.training import canonical_starts
from tb_keras.training.metrics import network_metrics
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.recipe import Recipe
from tests.training.toy_corpora import localization_corpus, retrieval_corpus

RECIPE = Recipe(
    hidden_dim=16,
    embedding_dim=5,
    images_per_batch=8,
    epochs=6,
    learning_rate=0.003,
    noise=0.0,
    margin=0.3,
    start="canonical",
)


def curved_corpus(num_images, seed):
    """The texts tell the images' squares, which no linear map finds."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num_images, 4))
    return Corpus(np.arange(num_images), image_features=images, text_features=images**2)


def linear_baseline(train):
    return RegularizedCCABaseline(train, train, regularizations=(5.0,), powers=(0.5,), dim=5)


def kernel_baseline(train):
    return KernelCCABaseline(train, train, regularizations=(1.7,), powers=(0.5,), dim=5)


def started(train, **settings):
    image_start, text_start = canonical_starts(train, **{"embedding_dim": 5, **settings})
    dims = train.image_features.shape[1], train.text_features.shape[1]
    return EmbeddingNetwork(*dims, hidden_dim=8, image_start=image_start, text_start=text_start)


@pytest.mark.parametrize("corpus", [retrieval_corpus, curved_corpus])
@pytest.mark.parametrize(
    ("landmarks", "baseline", "kind", "atol", "rel"),
    [
        (0, linear_baseline, LinearStart, 1e-5, 1e-4),
        (2000, kernel_baseline, KernelStart, 1e-4, 1e-3),
    ],
)
def test_its_cosines_are_those_of_the_baseline_and_its_mean_square_is_one(
    corpus, landmarks, baseline, kind, atol, rel
):
    train, other = corpus(60, 0), corpus(9, 2)
    network, expected = started(train, landmarks=landmarks), baseline(train)
    for start, embed, expect, features, of_train in (
        (
            network.image_start,
            network.embed_images,
            expected.embed_images,
            other.image_features,
            train.image_features,
        ),
        (
            network.text_start,
            network.embed_texts,
            expected.embed_texts,
            other.text_features,
            train.text_features,
        ),
    ):
        np.testing.assert_allclose(embed(features), expect(features), rtol=1e-3, atol=atol)
        assert type(start) is kind
        assert np.square(start(of_train)).mean() == pytest.approx(1, rel=rel)
        assert start.scale == 1.0


@pytest.mark.slow
def test_a_network_of_the_recipe_starts_there_learns_on_and_leaves_the_start(tmp_path):
    train = curved_corpus(60, 0)
    network, model, batches = from_recipe(train, RECIPE)
    assert type(network.image_start) is KernelStart
    expected = kernel_baseline(train)
    images, texts = train.image_features, train.text_features
    before = network.embed_images(images)
    np.testing.assert_allclose(before, expected.embed_images(images), 1e-3, 1e-4)
    np.testing.assert_allclose(network.embed_texts(texts), expected.embed_texts(texts), 1e-3, 1e-4)
    fixed = [w.numpy() for w in network.image_start.weights]
    losses = model.fit(batches(0), epochs=6, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.abs(network.embed_images(images) - before).max() > 1e-3
    for weight, old in zip(network.image_start.weights, fixed):
        np.testing.assert_array_equal(weight, old)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(loaded.embed_images(images), network.embed_images(images))
    np.testing.assert_array_equal(loaded.embed_texts(texts), network.embed_texts(texts))


def test_linear_maps_take_the_place_of_a_kernel_with_few_landmarks_for_the_rows():
    train = curved_corpus(60, 0)
    for landmarks, by_kernel in ((15, True), (14, False), (0, False)):
        recipe = dataclasses.replace(RECIPE, landmarks=landmarks)
        network = from_recipe(train, recipe).network
        for start in (network.image_start, network.text_start):
            assert type(start) is (KernelStart if by_kernel else LinearStart)
            assert not by_kernel or start.landmarks.shape[0] == landmarks


@pytest.mark.slow
@pytest.mark.parametrize(("landmarks", "dim"), [(0, 600), (1, 512), (2000, 600)])
def test_linear_maps_in_the_place_of_a_kernel_have_512_dimensions(landmarks, dim):
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(2, 700, 600))
    train = Corpus(np.arange(700), image_features=images, text_features=images + 0.1 * texts)
    starts = canonical_starts(train, embedding_dim=600, landmarks=landmarks)
    assert [start.size for start in starts] == [dim, dim]


def blunt_baseline(train):
    return RegularizedCCABaseline(train, train, regularizations=(10.0,), powers=(1.0,), dim=5)


BASELINES = (kernel_baseline, linear_baseline, blunt_baseline)


def noisy_corpus(num_images, seed):
    return retrieval_corpus(num_images, seed, noise=4.0)


@pytest.mark.parametrize(
    ("corpus", "better"), [(curved_corpus, kernel_baseline), (noisy_corpus, blunt_baseline)]
)
def test_what_is_better_on_the_validation_corpus_is_what_training_starts_from(corpus, better):
    train, validation = corpus(60, 0), corpus(40, 1)
    found = {of: retrieval_rsum(of(train), validation) for of in BASELINES}
    assert max(found, key=found.get) is better
    network = from_recipe(train, RECIPE, validation=validation).network
    assert network_metrics(network, validation)["rsum"] == pytest.approx(found[better], abs=1e-3)
    alone = from_recipe(train, RECIPE).network
    assert network_metrics(alone, validation)["rsum"] == pytest.approx(
        found[kernel_baseline], abs=1e-3
    )


def test_where_both_are_equal_on_the_validation_corpus_it_is_as_without_one():
    train = noisy_corpus(60, 0)
    one = noisy_corpus(1, 1)
    images = one.image_features
    np.testing.assert_array_equal(
        started(train, validation=one).embed_images(images), started(train).embed_images(images)
    )


def test_views_without_linear_correlation_have_one_start():
    images = np.array([[-1.0], [0.0], [1.0]])
    train = Corpus(np.arange(3), image_features=images, text_features=images**2)
    assert started(train, validation=train).image_start.landmarks.shape == (3, 1)


def test_the_embeddings_have_no_more_dimensions_than_the_narrower_features():
    recipe = dataclasses.replace(RECIPE, embedding_dim=512, landmarks=0)
    network = from_recipe(retrieval_corpus(30, seed=0), recipe).network
    assert network.embedding_dim == 7
    assert network.embed_images(np.ones((2, 7))).shape == (2, 7)


@pytest.mark.slow
def test_a_similarity_network_starts_there_and_learns_on():
    train, other = curved_corpus(60, 0), curved_corpus(9, 2)
    recipe = dataclasses.replace(RECIPE, network="similarity", joint_dims=(4,))
    network, model, batches = from_recipe(train, recipe)
    expected = kernel_baseline(train)
    cosines = (
        expected.embed_images(other.image_features) @ expected.embed_texts(other.text_features).T
    )
    before = network.score_matrix(other.image_features, other.text_features)
    np.testing.assert_allclose(before, 10 * cosines - 3, rtol=1e-3, atol=1e-2)
    losses = model.fit(batches(0), epochs=6, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    after = network.score_matrix(other.image_features, other.text_features)
    assert np.abs(after - before).max() > 1e-3


@pytest.mark.parametrize(
    ("noise", "seed", "better"), [(0.5, 0, kernel_baseline), (2.0, 4, linear_baseline)]
)
def test_to_localize_recall_at_1_chooses_what_training_starts_from(noise, seed, better):
    train, validation = localization_corpus(8, seed, noise), localization_corpus(6, seed + 1, noise)
    found = {}
    for of in BASELINES:
        found[of] = localization_recall_at_1(of(train), validation)
    assert max(found, key=found.get) is better
    network = from_recipe(train, RECIPE, validation=validation).network
    assert network_metrics(network, validation)["recall@1"] == pytest.approx(found[better])


def test_with_a_trained_text_encoder_it_starts_at_random():
    train = retrieval_corpus(12, seed=0)
    encoder = word_encoder("attended_words", 7, dim=6, units=4)
    words = np.ones((len(train.text_features), 4), np.int32)
    with_words = Corpus(train.matches, image_features=train.image_features, text_features=words)
    network = from_recipe(with_words, RECIPE, text_encoder=encoder).network
    assert network.image_start is network.text_start is None


def test_what_cannot_be_a_start_is_named():
    constant = np.ones((4, 7), np.float32)
    corpus = Corpus(np.arange(4), image_features=constant, text_features=constant)
    with pytest.raises(ValueError, match="that correlate along some direction"):
        started(corpus)
    train = retrieval_corpus(9, seed=0)
    unmatched = train.replace(image_features=None)
    for argument, corpora in (("train", (unmatched, train)), ("validation", (train, unmatched))):
        with pytest.raises(ValueError, match=f"`{argument}` must have both features and matches"):
            started(corpora[0], validation=corpora[1])
    with pytest.raises(ValueError, match=r"`embedding_dim` must be a positive int.*=0"):
        started(train, embedding_dim=0)
    with pytest.raises(ValueError, match=r"`landmarks` must be a non-negative int.*=-1"):
        started(train, landmarks=-1)
