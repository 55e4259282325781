"""Tests of the ranking loss as a layer: alone, in functional models, under `fit`."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.losses import BidirectionalRanking, bidirectional_ranking_loss
from tests.cases import slow_but
from tests.losses.ranking import oracle

N, M, DIM = 6, 12, 4
WEIGHTS = {
    "image_anchor_weight": 0.7,
    "text_anchor_weight": 1.2,
    "image_neighborhood_weight": 0.3,
    "text_neighborhood_weight": 0.4,
}
MASKS = ("negatives", "text_negatives", "image_negatives")


def batch(seed=0):
    rng = np.random.default_rng(seed)
    matches = np.arange(N)[:, None] == rng.integers(0, N, M)
    matches |= rng.random((N, M)) < 0.1
    masks = oracle.relation(matches, ~matches & (rng.random((N, M)) < 0.1), [N - 1], [M - 1])
    images, texts = (rng.normal(size=(size, DIM)).astype("float32") / 2 for size in (N, M))
    return images, texts, masks


def training_model(layer, policy="float32"):
    """Two dense layers with the loss on top, on batches of static shapes."""
    image, text = keras.Input((DIM,), name="image"), keras.Input((DIM,), name="text")
    masks = {name: keras.Input((None,), name=name, dtype="bool") for name in ("matches", *MASKS)}
    embeddings = [keras.layers.Dense(DIM, dtype=policy)(features) for features in (image, text)]
    return keras.Model(
        {"image": image, "text": text, **masks}, layer([*embeddings, *masks.values()])
    )


def dataset(batches):
    rows = []
    for images, texts, masks in batches:
        rows.append({"image": images, "text": texts, **masks._asdict()})
    stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return tf.data.Dataset.from_tensor_slices(stacked)


def named(weights):
    return {name.removesuffix("_weight"): weight for name, weight in weights.items()}


@pytest.mark.parametrize("positive", ["hardest", "all"])
@pytest.mark.parametrize("top_k", [1, 3, None])
def test_the_layer_is_the_function(top_k, positive):
    images, texts, masks = batch()
    settings = {"margin": 0.3, "top_k": top_k, "positive": positive, **WEIGHTS}
    layer = BidirectionalRanking(**settings)
    found = layer([images, texts, *masks])
    expected = bidirectional_ranking_loss(
        images, texts, masks.matches, **dict(zip(MASKS, masks[1:])), **settings
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(layer.losses, [expected], rtol=1e-6)
    by_loops = oracle.loss(
        images, texts, masks, named(WEIGHTS), margin=0.3, top_k=top_k, positive=positive
    )
    np.testing.assert_allclose(found, by_loops, rtol=1e-5)


@pytest.mark.parametrize("given_masks", [0, 1, 2, 3])
def test_masks_may_be_left_out_from_the_last(given_masks):
    images, texts, masks = batch()
    found = BidirectionalRanking(**WEIGHTS)([images, texts, *masks[: 1 + given_masks]])
    expected = bidirectional_ranking_loss(
        images, texts, masks.matches, **dict(zip(MASKS, masks[1 : 1 + given_masks])), **WEIGHTS
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_first_settings_are_those_of_the_function():
    images, texts, masks = batch()
    found = BidirectionalRanking()([images, texts, *masks])
    expected = bidirectional_ranking_loss(
        images, texts, masks.matches, **dict(zip(MASKS, masks[1:]))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_loss_is_added_once_a_call():
    images, texts, masks = batch()
    model = training_model(BidirectionalRanking())
    inputs = {"image": images, "text": texts, **masks._asdict()}
    for _ in range(2):
        output = model(inputs)
        assert output.shape == ()
        np.testing.assert_allclose(model.losses, [output], rtol=1e-6)


def test_config_round_trip():
    settings = {"margin": 0.3, "top_k": None, "positive": "all", **WEIGHTS}
    layer = BidirectionalRanking(**settings, name="ranking")
    config = layer.get_config()
    assert {name: config[name] for name in settings} == settings
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(restored) is BidirectionalRanking
    assert restored.get_config() == config
    assert BidirectionalRanking.from_config(config).name == "ranking"
    images, texts, masks = batch()
    inputs = [images, texts, *masks]
    np.testing.assert_array_equal(restored(inputs), layer(inputs))


@pytest.mark.parametrize(
    ("jit_compile", "positive"),
    slow_but(("auto", "hardest"), cases=[("auto", "hardest"), (True, "all")]),
)
def test_metrics_under_fit_are_those_of_the_loops(jit_compile, positive):
    """With a learning rate of zero each epoch's figures are the means over the same batches: if
    the second epoch differs from the first, the metrics were not reset between them.
    """
    batches = [batch(seed) for seed in range(3)]
    settings = {"margin": 0.3, "top_k": 3, "positive": positive}
    model = training_model(BidirectionalRanking(**settings, **WEIGHTS))
    model.compile(keras.optimizers.SGD(0.0), jit_compile=jit_compile)
    history = model.fit(dataset(batches), epochs=2, shuffle=False, verbose=0).history
    kernels = [weight.numpy() for weight in model.weights]
    found = []
    for images, texts, masks in batches:
        images, texts = images @ kernels[0] + kernels[1], texts @ kernels[2] + kernels[3]
        found.append(oracle.terms(images, texts, masks, **settings))
    terms = {name: np.mean([terms[name].loss for terms in found]) for name in oracle.TERMS}
    every = [term for terms in found for term in terms.values()]
    violating = sum(term.violating for term in every) / sum(term.triplets for term in every)
    assert 0 < violating < 1
    for name, value in terms.items():
        np.testing.assert_allclose(history[name], [value, value], rtol=1e-4)
    np.testing.assert_allclose(history["violating"], [violating, violating], rtol=1e-4)
    loss = sum(named(WEIGHTS)[name] * value for name, value in terms.items())
    np.testing.assert_allclose(history["loss"], [loss, loss], rtol=1e-4)


def test_terms_without_a_weight_are_not_reported():
    layer = BidirectionalRanking(image_neighborhood_weight=0.0, text_anchor_weight=0.0)
    assert {metric.name for metric in layer.metrics} == {
        "image_anchor",
        "text_neighborhood",
        "violating",
    }


def test_a_collapse_shows_and_a_solution_too():
    layer = BidirectionalRanking()
    layer([np.zeros((3, 4), "float32"), np.zeros((3, 4), "float32"), np.eye(3, dtype=bool)])
    assert layer.violating.result() == 1.0
    layer.violating.reset_state()
    layer([np.eye(3, dtype="float32"), np.eye(3, dtype="float32"), np.eye(3, dtype=bool)])
    assert layer.violating.result() == 0.0
    layer.violating.reset_state()
    layer([np.eye(3, dtype="float32"), np.eye(3, dtype="float32"), np.ones((3, 3), bool)])
    assert layer.violating.result() == 0.0  # nothing to look at


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_inside_a_functional_model_under_mixed_precision(policy):
    keras.mixed_precision.set_dtype_policy(policy)
    try:
        layer = BidirectionalRanking(**WEIGHTS)
        assert layer.compute_dtype == layer.variable_dtype == "float32"
        model = training_model(layer, policy)
        images, texts, masks = batch()
        inputs = {"image": images, "text": texts, **masks._asdict()}
        output = model(inputs)
        assert output.dtype == tf.float32
        dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
        halves = [d(x) for d, x in zip(dense, (images, texts))]
        assert {half.dtype.name for half in halves} == {policy.removeprefix("mixed_")}
        embeddings = [tf.cast(half, "float32").numpy() for half in halves]
        expected = oracle.loss(*embeddings, masks, named(WEIGHTS))
        np.testing.assert_allclose(output, expected, rtol=1e-5)
        before = [weight.numpy() for weight in model.trainable_weights]
        model.compile(keras.optimizers.SGD(0.1))
        history = model.fit(dataset([batch()]), epochs=2, shuffle=False, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        after = [weight.numpy() for weight in model.trainable_weights]
        assert all((old != new).any() for old, new in zip(before, after))
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


@pytest.mark.parametrize("own_policy", [None, "mixed_bfloat16"])
def test_float32_embeddings_are_not_cast_down_by_the_policy(own_policy):
    images, texts, masks = batch()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        settings = {"dtype": own_policy} if own_policy else {}
        found = BidirectionalRanking(**WEIGHTS, **settings)([images, texts, *masks])
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    expected = oracle.loss(images, texts, masks, named(WEIGHTS))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"margin": 0.0}, "`margin` must be a positive float. Received: margin=0.0"),
        ({"top_k": 0}, "`top_k` must be a positive int or None"),
        ({"text_anchor_weight": -1}, "`text_anchor_weight` must be a non-negative float"),
        ({"positive": "easiest"}, "`positive` must be 'hardest' or 'all'"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        BidirectionalRanking(**settings)


def test_a_whole_training_model_saves_and_loads(tmp_path):
    model = training_model(BidirectionalRanking(**WEIGHTS, positive="all"))
    images, texts, masks = batch()
    inputs = {"image": images, "text": texts, **masks._asdict()}
    model.save(tmp_path / "training.keras")
    loaded = keras.saving.load_model(tmp_path / "training.keras")
    np.testing.assert_allclose(loaded(inputs), model(inputs), rtol=1e-6)
