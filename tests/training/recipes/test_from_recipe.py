"""Tests of what a recipe becomes: network, loss, batches and learning rate, for each task."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest

from tb_keras.corpus.corpus import Corpus
from tb_keras.losses import (
    BidirectionalRanking,
    Distillation,
    InfoNCE,
    PairwiseLogistic,
    PairwiseSigmoid,
)
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.training import GradientCaching
from tb_keras.training.recipes.from_recipe import from_recipe
from tb_keras.training.recipes.named_recipes import RECIPES
from tb_keras.training.recipes.recipe import TASKS
from tests.cases import slow_but
from tests.training.toy_corpora import localization_corpus, retrieval_corpus, toy_corpus

SMALL = {
    "hidden_dim": 16,
    "embedding_dim": 8,
    "joint_dims": (8, 4),
    "dropout": 0.1,
    "noise": 0.1,
    "start": "random",  # from random weights there is more to learn
    "images_per_batch": 8,
    "texts_per_image": 2,
    "pictures_per_batch": 4,
    "phrases_per_picture": 3,
    "regions_per_picture": 7,
    "regions_per_phrase": 2,
    "epochs": 6,
    "learning_rate": 0.01,
}


def small_recipe(task, network, **changes):
    return dataclasses.replace(RECIPES[task, network]["small"], **{**SMALL, **changes})


def loss_layer(model):
    kinds = BidirectionalRanking, Distillation, InfoNCE, PairwiseLogistic, PairwiseSigmoid
    (layer,) = [layer for layer in model.layers if isinstance(layer, kinds)]
    return layer


@pytest.mark.parametrize(
    ("task", "network"),
    slow_but(
        ("retrieval", "embedding"), cases=itertools.product(TASKS, ("embedding", "similarity"))
    ),
)
def test_each_recipe_trains(task, network):
    corpus = toy_corpus(task, 20, seed=0)
    recipe = small_recipe(task, network)
    training = from_recipe(corpus, recipe, seed=0)
    expected = EmbeddingNetwork if network == "embedding" else SimilarityNetwork
    assert type(training.network) is expected
    assert training.network.hidden_dim == 16
    first = training.network.get_weights()
    history = training.model.fit(
        training.batches(0), epochs=recipe.epochs, shuffle=False, verbose=0
    ).history
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]
    assert {"embedding": "violating", "similarity": "misclassified"}[network] in history
    changed = [not np.array_equal(a, b) for a, b in zip(first, training.network.get_weights())]
    assert np.mean(changed) > 0.5
    # The learning rate has come to the end of its cosine.
    iterations = int(training.model.optimizer.iterations)
    assert iterations == recipe.epochs * int(training.batches(0).cardinality())
    schedule = training.model.optimizer._learning_rate
    assert float(schedule(0)) == pytest.approx(0.01)
    assert float(schedule(iterations)) == pytest.approx(0.0, abs=1e-8)
    assert float(schedule(iterations - 1)) > 0


def test_batches_have_no_room_for_more_texts_than_an_image_has():
    image_of = np.repeat(np.arange(20), 3)
    corpus = Corpus(image_of, image_features=np.eye(20), text_features=np.eye(60))
    recipe = small_recipe("retrieval", "embedding", texts_per_image=5)
    (batch,) = from_recipe(corpus, recipe).batches(0).take(1)
    assert batch["text"].shape == (3 * recipe.images_per_batch, 60)


@pytest.mark.parametrize("network", ["embedding", "similarity"])
def test_features_are_standardised_by_the_training_corpus(network):
    corpus = retrieval_corpus(20, seed=0)
    built = from_recipe(corpus, small_recipe("retrieval", network)).network
    for branch, features in (
        (built.image_branch, corpus.image_features),
        (built.text_branch, corpus.text_features),
    ):
        layer = branch.get_layer("standardize")
        np.testing.assert_allclose(layer.mean, features.mean(axis=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(layer.deviation, features.std(axis=0), rtol=1e-4)


def test_the_loss_has_the_recipes_settings():
    corpus = localization_corpus(4, seed=0)
    recipe = small_recipe("localization", "embedding", margin=0.3, top_k=0, positive="all")
    layer = loss_layer(from_recipe(corpus, recipe).model)
    assert isinstance(layer, BidirectionalRanking)
    config = layer.get_config()
    assert (config["margin"], config["top_k"], config["positive"]) == (0.3, None, "all")

    changes = {"negative_sampling": "random", "negative_images": 1, "negative_texts": 2}
    changes["candidates"] = 5
    recipe = small_recipe("localization", "similarity", **changes)
    training = from_recipe(corpus, recipe, seed=3)
    layer = loss_layer(training.model)
    assert isinstance(layer, PairwiseLogistic)
    assert layer.fusion is training.network.fusion
    assert {name: getattr(layer, name) for name in changes} == changes
    assert (layer.positives_per_text, layer.seed) == (2, 3)
    other = from_recipe(retrieval_corpus(9, seed=0), small_recipe("retrieval", "similarity"))
    assert loss_layer(other.model).positives_per_text == 1


LOSSES = {
    "ranking": BidirectionalRanking,
    "max_violation": BidirectionalRanking,
    "info_nce": InfoNCE,
    "sigmoid": PairwiseSigmoid,
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("task", slow_but("retrieval", cases=TASKS))
def test_the_embedding_network_has_a_choice_of_losses(task, loss):
    recipe = small_recipe(task, "embedding", loss=loss)
    layer = loss_layer(from_recipe(toy_corpus(task, 8, seed=0), recipe).model)
    assert type(layer) is LOSSES[loss]
    assert getattr(layer, "top_k", None) == {"ranking": 10, "max_violation": 1}.get(loss)


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("task", TASKS)
def test_each_loss_trains(task, loss):
    recipe = small_recipe(task, "embedding", loss=loss, epochs=3)
    training = from_recipe(toy_corpus(task, 20, seed=0), recipe)
    history = training.model.fit(training.batches(0), epochs=3, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    learned = len(training.model.trainable_weights) - len(training.network.trainable_weights)
    assert learned == {"info_nce": 1, "sigmoid": 2}.get(loss, 0)


def test_the_similarity_network_has_its_own_loss():
    recipe = small_recipe("retrieval", "similarity", loss="info_nce")
    model = from_recipe(retrieval_corpus(9, seed=0), recipe).model
    assert type(loss_layer(model)) is PairwiseLogistic


@pytest.mark.parametrize("network", ["embedding", "similarity"])
def test_the_dtype_policy_is_the_recipes(network):
    corpus = retrieval_corpus(9, seed=0)
    recipe = small_recipe("retrieval", network, dtype="mixed_bfloat16")
    network = from_recipe(corpus, recipe).network
    assert network.image_branch.get_layer("hidden").compute_dtype == "bfloat16"
    assert network.dtype_policy.name == "mixed_bfloat16"
    plain = from_recipe(corpus, dataclasses.replace(recipe, dtype="")).network
    assert plain.dtype_policy.name == "float32"


def cached(network):
    recipe = small_recipe("retrieval", network, gradient_cache_rows=5, epochs=2)
    return from_recipe(retrieval_corpus(20, seed=0), recipe)


@pytest.mark.parametrize("network", ["embedding", "similarity"])
def test_gradient_caching_where_the_recipe_has_rows_for_it(network):
    plain = from_recipe(retrieval_corpus(20, seed=0), small_recipe("retrieval", network)).model
    assert not isinstance(plain, GradientCaching)
    model = cached(network).model
    assert isinstance(model, GradientCaching)
    assert model.block_rows == 5
    if network == "embedding":
        assert loss_layer(model).block_rows == 5
        assert loss_layer(plain).block_rows is None


@pytest.mark.slow
@pytest.mark.parametrize("network", ["embedding", "similarity"])
def test_it_trains_with_gradient_caching(network):
    training = cached(network)
    history = training.model.fit(training.batches(0), epochs=2, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("task", TASKS)
def test_batches_have_the_recipes_sizes_and_continue_by_epoch(task):
    """Two epochs in a row are the first epoch and then that of a training that is continued."""
    recipe = small_recipe(task, "embedding")
    batches = from_recipe(toy_corpus(task, 8, seed=0), recipe, seed=5).batches
    sizes = {"retrieval": (8, 16), "localization": (4 * 7, 4 * 3)}[task]
    assert next(iter(batches(0)))["matches"].shape == sizes
    in_a_row = batches(0)
    first, second = list(in_a_row), list(in_a_row)
    continued = list(batches(1))
    assert len(first) == len(second) == len(continued) == int(batches(0).cardinality())
    for ours, theirs in zip(second, continued):
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name])
    assert any(not np.array_equal(a["text"], b["text"]) for a, b in zip(first, second))


def test_a_batch_is_no_larger_than_the_corpus():
    """Only images with a text, and pictures with a phrase that some region matches, count."""
    corpus = retrieval_corpus(5, seed=0).subset(images=range(5), texts=range(8))
    recipe = small_recipe("retrieval", "embedding", images_per_batch=500)
    batch = next(iter(from_recipe(corpus, recipe).batches(0)))
    assert batch["image"].shape == (4, 7)

    regions = localization_corpus(5, seed=0)
    regions = regions.subset(
        images=np.flatnonzero(regions.grounding.region_pictures != 2), texts=np.arange(20)
    )
    recipe = small_recipe("localization", "embedding", pictures_per_batch=500)
    batch = next(iter(from_recipe(regions, recipe).batches(0)))
    assert batch["text"].shape == (4 * 3, 7)


def test_a_corpus_without_any_match_is_refused():
    regions = localization_corpus(2, seed=0).subset(images=[0], texts=[1, 2])
    with pytest.raises(ValueError, match="match"):
        from_recipe(regions, small_recipe("localization", "similarity"))


@pytest.mark.parametrize("network", ["embedding", "similarity"])
def test_the_seed_decides(network):
    corpus, recipe = retrieval_corpus(8, seed=0), small_recipe("retrieval", network)

    def built(seed):
        keras.utils.set_random_seed(77)  # what came before has no influence
        training = from_recipe(corpus, recipe, seed)
        return training.network.get_weights(), next(iter(training.batches(0)))["text"].numpy()

    (weights, texts), (again, texts_again), (others, other_texts) = map(built, (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(weights, again))
    assert not all(np.array_equal(a, b) for a, b in zip(weights, others))
    assert np.array_equal(texts, texts_again)
    assert not np.array_equal(texts, other_texts)


def test_the_learning_rate_falls_after_each_epoch_by_its_factor():
    corpus = retrieval_corpus(20, seed=0)
    recipe = small_recipe("retrieval", "embedding", learning_rate_decay=0.5, epochs=3)
    training = from_recipe(corpus, recipe, seed=0)
    steps = int(training.batches(0).cardinality())
    assert steps > 1
    schedule = training.model.optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(3 * steps)]
    expected = [0.01 * 0.5 ** (step // steps) for step in range(3 * steps)]
    np.testing.assert_allclose(rates, expected, rtol=1e-6)


def test_the_learning_rate_rises_in_the_warm_up_and_then_falls():
    corpus = retrieval_corpus(20, seed=0)
    recipe = small_recipe("retrieval", "embedding", warm_up=1.0, epochs=3)
    training = from_recipe(corpus, recipe, seed=0)
    steps = int(training.batches(0).cardinality())
    schedule = training.model.optimizer._learning_rate
    rates = [float(schedule(step)) for step in range(3 * steps + 1)]
    np.testing.assert_allclose(rates[: steps + 1], np.linspace(0, 0.01, steps + 1), atol=1e-8)
    fall = 0.01 * (1 + np.cos(np.pi * np.arange(2 * steps + 1) / (2 * steps))) / 2
    np.testing.assert_allclose(rates[steps:], fall, atol=1e-8)


def test_decay_and_clipping_are_the_optimizers():
    recipe = small_recipe("retrieval", "embedding", weight_decay=0.1, clip_norm=2.0)
    optimizer = from_recipe(retrieval_corpus(20, seed=0), recipe).model.optimizer
    assert (optimizer.weight_decay, optimizer.global_clipnorm) == (0.1, 2.0)
    plain = from_recipe(retrieval_corpus(20, seed=0), small_recipe("retrieval", "embedding"))
    assert plain.model.optimizer.weight_decay is plain.model.optimizer.global_clipnorm is None


def taught(task="retrieval", network="embedding", **changes):
    corpus = toy_corpus(task, 12, seed=0)
    teacher = [np.zeros((count, 3)) for count in (corpus.num_images, corpus.num_texts)]
    recipe = small_recipe(task, network, teacher_weight=2.0, teacher_temperature=0.1)
    return from_recipe(corpus, recipe, teacher=teacher, **changes)


def test_a_teacher_has_the_recipes_weight_and_temperature():
    training = taught()
    layer = loss_layer(training.model)
    assert (layer.weight, layer.temperature) == (2.0, 0.1)
    assert isinstance(layer.loss, BidirectionalRanking)
    history = training.model.fit(training.batches(0), epochs=1, shuffle=False, verbose=0).history
    assert history["loss"][0] > 2 * history["distillation"][0] > 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"network": "similarity"}, "`teacher` must be None unless .*network=similarity"),
        ({"shards": "shards"}, "`teacher` must be None unless .*shards=shards"),
        ({"task": "localization"}, "`teacher` must be None for localization"),
    ],
)
def test_where_no_teacher_helps(changes, message):
    with pytest.raises(ValueError, match=message):
        taught(**changes)
