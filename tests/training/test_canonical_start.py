"""Tests of the start from canonical correlation analysis, against the baselines of that name."""

import dataclasses

import keras
import numpy as np
import pytest

from tb_keras.corpus import Corpus
from tb_keras.encoders.word_encoder import word_encoder
from tb_keras.evaluation.kernel_cca_baseline import KernelCCABaseline
from tb_keras.evaluation.regularized_cca_baseline import RegularizedCCABaseline
from tb_keras.networks import SimilarityNetwork
from tb_keras.training import canonical_start, network_metrics
from tb_keras.training.from_recipe import from_recipe
from tb_keras.training.recipe import Recipe
from tests.training.toy_corpora import retrieval_corpus

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


def linear_baseline(train, validation=None):
    return RegularizedCCABaseline(train, train, regularizations=(1.0,), powers=(1,), dim=5)


def started(train, validation=None, **settings):
    return canonical_start(train, validation, hidden_dim=8, **{"embedding_dim": 5, **settings})


@pytest.mark.parametrize(
    ("corpus", "baseline", "layers", "atol", "rel"),
    [
        (retrieval_corpus, linear_baseline, ("standardize", "projection"), 1e-5, 1e-4),
        (
            curved_corpus,
            lambda *both: KernelCCABaseline(*both, dim=5),
            ("standardize", "radial_basis", "projection"),
            1e-4,
            1e-3,
        ),
    ],
)
def test_its_cosines_are_those_of_the_baseline_and_its_mean_square_is_one(
    corpus, baseline, layers, atol, rel
):
    train, validation, other = corpus(60, 0), corpus(40, 1), corpus(9, 2)
    given = [train] if baseline is linear_baseline else [train, validation]
    network, expected = started(*given), baseline(*given)
    for branch, embed, expect, features, of_train in (
        (
            network.image_branch,
            network.embed_images,
            expected.embed_images,
            other.image_features,
            train.image_features,
        ),
        (
            network.text_branch,
            network.embed_texts,
            expected.embed_texts,
            other.text_features,
            train.text_features,
        ),
    ):
        np.testing.assert_allclose(embed(features), expect(features), rtol=1e-3, atol=atol)
        assert ("radial_basis" in layers) == any(
            layer.name == "radial_basis" for layer in branch.layers
        )
        projected = of_train
        for name in layers:
            projected = branch.get_layer(name)(projected)
        assert np.square(projected).mean() == pytest.approx(1, rel=rel)


def test_a_network_of_the_recipe_starts_there_and_learns_on():
    train = retrieval_corpus(30, seed=0)
    network, model, batches = from_recipe(train, RECIPE)
    expected = linear_baseline(train)
    images, texts = train.image_features, train.text_features
    np.testing.assert_allclose(
        network.embed_images(images), expected.embed_images(images), 1e-3, 1e-4
    )
    np.testing.assert_allclose(network.embed_texts(texts), expected.embed_texts(texts), 1e-3, 1e-4)
    losses = model.fit(batches(0), epochs=6, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_one_that_starts_from_a_kernel_learns_on_and_leaves_the_kernel(tmp_path):
    train, validation = curved_corpus(60, 0), curved_corpus(40, 1)
    network, model, batches = from_recipe(train, RECIPE, validation=validation)
    fixed = [w.numpy() for w in network.image_branch.get_layer("radial_basis").weights]
    before = network.embed_images(train.image_features)
    losses = model.fit(batches(0), epochs=6, shuffle=False, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert np.abs(network.embed_images(train.image_features) - before).max() > 1e-3
    for weight, old in zip(network.image_branch.get_layer("radial_basis").weights, fixed):
        np.testing.assert_array_equal(weight, old)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    for name in ("embed_images", "embed_texts"):
        features = getattr(validation, f"{name[6:-1]}_features")
        np.testing.assert_array_equal(
            getattr(loaded, name)(features), getattr(network, name)(features)
        )


def test_the_validation_corpus_chooses_the_settings():
    train, validation = retrieval_corpus(30, seed=0), retrieval_corpus(20, seed=1, noise=2.0)
    found = network_metrics(started(train, validation, landmarks=0), validation)["rsum"]
    best = RegularizedCCABaseline(train, validation, dim=5)
    assert found == pytest.approx(best.figure, abs=1e-3)
    # Of equally good settings, those that are taken without a validation corpus.
    one = train.subset(images=[0])
    images = validation.image_features
    np.testing.assert_array_equal(
        started(train, one, landmarks=0).embed_images(images),
        started(train).embed_images(images),
    )


def test_the_validation_corpus_chooses_between_linear_maps_and_the_kernel():
    for corpus in (curved_corpus, retrieval_corpus):
        train, validation = corpus(60, 0), corpus(40, 1)
        curved = KernelCCABaseline(train, validation, dim=5)
        linear = RegularizedCCABaseline(train, validation, dim=5)
        network = started(train, validation)
        by_kernel = network.settings["image_landmarks"] > 0
        assert by_kernel == (1.05 * curved.figure >= linear.figure)
        found = network_metrics(network, validation)["rsum"]
        assert found == pytest.approx((curved if by_kernel else linear).figure, abs=1e-3)
        assert started(train, validation, landmarks=0).settings["text_landmarks"] == 0
    few = from_recipe(
        curved_corpus(60, 0),
        dataclasses.replace(RECIPE, landmarks=30),
        validation=curved_corpus(40, 1),
    ).network
    assert few.settings["image_landmarks"] == few.settings["text_landmarks"] == 30
    too_few = started(curved_corpus(60, 0), curved_corpus(40, 1), landmarks=14)
    assert too_few.settings["image_landmarks"] == 0


def test_the_embeddings_have_no_more_dimensions_than_the_narrower_features():
    recipe = dataclasses.replace(RECIPE, embedding_dim=512)
    network = from_recipe(retrieval_corpus(30, seed=0), recipe).network
    assert network.settings["embedding_dim"] == 7
    assert network.embed_images(np.ones((2, 7))).shape == (2, 7)


def test_a_similarity_network_and_a_trained_text_encoder_start_at_random():
    train = retrieval_corpus(12, seed=0)
    similarity = dataclasses.replace(RECIPE, network="similarity", joint_dims=(4,))
    assert isinstance(from_recipe(train, similarity).network, SimilarityNetwork)
    encoder = word_encoder("attended_words", 7, dim=6, units=4)
    words = np.ones((len(train.text_features), 4), np.int32)
    with_words = Corpus(train.matches, image_features=train.image_features, text_features=words)
    network = from_recipe(with_words, RECIPE, text_encoder=encoder).network
    assert network.settings["projected"] is False


def test_what_cannot_be_a_start_is_named():
    constant = np.ones((4, 7), np.float32)
    corpus = Corpus(np.arange(4), image_features=constant, text_features=constant)
    with pytest.raises(ValueError, match="that correlate along some direction"):
        started(corpus)
    train = retrieval_corpus(9, seed=0)
    with pytest.raises(ValueError, match=r"`embedding_dim` must be a positive int.*=0"):
        started(train, embedding_dim=0)
    with pytest.raises(ValueError, match=r"`landmarks` must be a non-negative int.*=-1"):
        started(train, landmarks=-1)


def test_the_network_saves_and_loads(tmp_path):
    train = retrieval_corpus(20, seed=0)
    network = from_recipe(train, RECIPE).network
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(
        loaded.embed_images(train.image_features), network.embed_images(train.image_features)
    )
