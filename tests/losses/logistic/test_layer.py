"""Tests of the logistic loss as a layer: its choice, its gradient, batch norm, under `fit`."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.losses import PairwiseLogistic

N, M, DIM = 6, 9, 4
xla = functools.partial(pytest.param, marks=pytest.mark.slow)  # a case under XLA


class RecordedTable(keras.layers.Layer):
    """Scores one-hot rows by a table, and keeps what it was called on (when run eagerly)."""

    def __init__(self, table):
        super().__init__()
        self.table, self.calls = tf.constant(table, "float32"), []

    def call(self, pair, training=None):
        rows = [np.argmax(pair[name], axis=1).tolist() for name in ("image", "text")]
        self.calls.append((list(zip(*rows)), training))
        return tf.einsum("ki,ij,kj->k", pair["image"], self.table, pair["text"])


@keras.saving.register_keras_serializable(package="tests")
class ScaledDot(keras.layers.Layer):
    """A fusion with one weight that is no model, made when first called."""

    def build(self, input_shape):
        self.scale = self.add_weight((), "ones", name="scale")

    def call(self, pair):
        return self.scale * keras.ops.sum(pair["image"] * pair["text"], axis=1, keepdims=True)


def dot_fusion(dim=DIM):
    pair = {name: keras.Input((dim,), name=name) for name in ("image", "text")}
    return keras.Model(pair, keras.layers.Dot(axes=1)(list(pair.values())), name="fusion")


def norm_fusion(dim=DIM, policy=None):
    """The joint layers of a small similarity network, its statistics already moved."""
    pair = {name: keras.Input((dim,), name=name) for name in ("image", "text")}
    joint = keras.layers.Multiply(dtype=policy)(list(pair.values()))
    joint = keras.layers.Dense(5, name="joint", dtype=policy)(joint)
    norm = keras.layers.BatchNormalization(
        momentum=0.75,
        moving_mean_initializer=keras.initializers.RandomNormal(stddev=0.2, seed=1),
        name="norm",
        dtype=policy,
    )
    joint = keras.layers.ReLU(dtype=policy)(norm(joint))
    score = keras.layers.Dense(1, name="score", dtype="float32")(joint)
    return keras.Model(pair, score, name="fusion")


def batch(seed=0, n=N, m=M, ignored=0.1, padded=True):
    """Embeddings and masks of a many-to-many batch; last image and text are padding."""
    rng = np.random.default_rng(seed)
    matches = np.arange(n)[:, None] == rng.integers(0, n, m)
    matches |= rng.random((n, m)) < 0.1
    negatives = ~matches & (rng.random((n, m)) >= ignored)
    if padded:
        for mask in (matches, negatives):
            mask[-1] = mask[:, -1] = False
    images, texts = (rng.normal(size=(size, DIM)).astype("float32") for size in (n, m))
    return images, texts, matches, negatives


def hardest_pairs(scores, matches, negatives, negative_images=1, negative_texts=1):
    """All matches with their hardest negatives by loops: a list of (image, text, label)."""
    chosen = [(i, j, 1) for i, j in np.argwhere(matches)]
    for j in range(matches.shape[1]):
        hardest = sorted(np.flatnonzero(negatives[:, j]), key=lambda i: -scores[i, j])
        chosen += [(i, j, -1) for i in hardest[: negative_images * matches[:, j].sum()]]
    for i in np.flatnonzero(matches.any(axis=1)):
        hardest = sorted(np.flatnonzero(negatives[i]), key=lambda j: -scores[i, j])
        chosen += [(i, j, -1) for j in hardest[:negative_texts]]
    return np.array(chosen).reshape(-1, 3).T


def logistic(scores, labels):
    return np.log1p(np.exp(-labels * np.asarray(scores, np.float64))).mean()


def every_score(fusion, images, texts):
    """float32 (n, m), one call without blocks, with the moving statistics."""
    rows, columns = (grid.ravel() for grid in np.indices((len(images), len(texts))))
    scores = fusion({"image": images[rows], "text": texts[columns]}, training=False)
    return np.reshape(scores, (len(images), len(texts)))


def value_and_gradients(layer, inputs, jit_compile=None, training=True):
    """The loss and its gradients to the embeddings and to the weights of the fusion."""
    layer(inputs)  # makes the weights

    def step(images, texts, *masks):
        with tf.GradientTape() as tape:
            tape.watch([images, texts])
            loss = layer([images, texts, *masks], training=training)
        sources = [images, texts, *layer.trainable_variables]
        sources = [getattr(source, "value", source) for source in sources]
        gradients = tape.gradient(loss, sources, unconnected_gradients="zero")
        return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]

    if jit_compile is not None:
        step = tf.function(step, jit_compile=jit_compile)
    return step(*[tf.constant(part) for part in inputs])


ALL_POSITIVES = {"positives_per_text": N}


@pytest.mark.parametrize(
    ("settings", "jit_compile"),
    [
        ({}, None),
        ({"negative_images": 2, "negative_texts": 3, "block_rows": 7}, False),
        xla({"negative_images": 2, "negative_texts": 3, "block_rows": 7}, True),
        ({"negative_images": 0, "negative_texts": 2}, None),
        ({"negative_images": 3, "negative_texts": 0, "candidates": 18}, None),
        xla({"negative_images": 3, "negative_texts": 0, "candidates": 18}, True),
    ],
)
def test_loss_and_gradient_are_those_of_the_pairs_of_the_loops(settings, jit_compile):
    inputs = images, texts, matches, negatives = batch()
    layer = PairwiseLogistic(ScaledDot(), **ALL_POSITIVES, **settings)
    loss, gradients = value_and_gradients(layer, inputs, jit_compile)
    counts = {name: settings[name] for name in settings if name.startswith("negative")}
    i, j, labels = hardest_pairs(images @ texts.T, matches, negatives, **counts)
    scores = (images[i] * texts[j]).sum(axis=1)
    np.testing.assert_allclose(loss, logistic(scores, labels), rtol=1e-5)
    # d/ds log(1 + exp(-z s)) = -z / (1 + exp(z s)), for the chosen pairs and no others
    slopes = -labels / (1 + np.exp(labels * scores)) / len(labels)
    expected = np.zeros_like(images), np.zeros_like(texts), (slopes * scores).sum()
    np.add.at(expected[0], i, slopes[:, None] * texts[j])
    np.add.at(expected[1], j, slopes[:, None] * images[i])
    for found, value in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-6)
    assert not np.any(gradients[0][-1])
    assert not np.any(gradients[1][-1])


def test_the_loss_is_added_once_a_call():
    layer = PairwiseLogistic(dot_fusion())
    for _ in range(2):
        loss = layer(batch())
        assert loss.shape == ()
        assert loss.dtype == tf.float32
        np.testing.assert_array_equal(layer.losses, [loss])


@pytest.mark.parametrize("masks", ["left out", "None", "given, and more"])
def test_negatives_may_be_left_out(masks):
    images, texts, matches, _ = batch(padded=False, ignored=0.0)
    more = {
        "left out": [],
        "None": [None],
        "given, and more": [~matches, np.zeros((M, M), bool), np.zeros((N, N), bool)],
    }
    found = PairwiseLogistic(dot_fusion(), **ALL_POSITIVES)([images, texts, matches, *more[masks]])
    i, j, labels = hardest_pairs(images @ texts.T, matches, ~matches)
    expected = logistic((images[i] * texts[j]).sum(axis=1), labels)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def one_hot_batch(**settings):
    _, _, matches, negatives = batch(**settings)
    return [np.eye(N, M, dtype="float32"), np.eye(M, dtype="float32"), matches, negatives]


def recorded(training, inputs, **settings):
    table = np.random.default_rng(5).normal(size=(M, M))
    fusion = RecordedTable(table)
    fusion.built = True
    PairwiseLogistic(fusion, **settings)(inputs, training=training)
    return table[:N], fusion.calls


@pytest.mark.parametrize("training", [True, False])
def test_one_call_scores_the_chosen_pairs_and_the_others_look_only(training):
    inputs = one_hot_batch()
    table, calls = recorded(training, inputs, **ALL_POSITIVES, block_rows=10)
    *looks, (pairs, mode) = calls
    assert mode is training
    assert {mode for _, mode in looks} == {False}
    assert {len(pairs) for pairs, _ in looks} == {10}
    assert set().union(*(pairs for pairs, _ in looks)) == set(np.ndindex(N, M))
    i, j, _ = hardest_pairs(table, *inputs[2:])
    assert set(pairs) == set(zip(i.tolist(), j.tolist()))  # what is left over repeats them


@pytest.mark.parametrize("sampling", ["random", "hardest"])
def test_random_choices(sampling):
    """One positive and one negative image a text, two negative texts an image."""
    inputs = _, _, matches, allowed = one_hot_batch()
    settings = {"negative_sampling": sampling, "candidates": 3, "negative_texts": 2, "seed": 1}
    _, calls = recorded(True, inputs, **settings)
    if sampling == "random":
        assert len(calls) == 1
    pairs = set(calls[-1][0])
    assert all(matches[pair] or allowed[pair] for pair in pairs)
    positives = [pair for pair in pairs if matches[pair]]
    assert sorted(j for _, j in positives) == np.flatnonzero(matches.any(axis=0)).tolist()
    rejected = [pair for pair in pairs if allowed[pair]]
    for i in np.flatnonzero(matches.any(axis=1)):
        assert sum(pair[0] == i for pair in rejected) >= 2
    for j in np.flatnonzero(matches.any(axis=0)):
        assert sum(pair[1] == j for pair in rejected) >= 1
    again = recorded(True, inputs, **settings)[1]
    assert again[-1] == calls[-1]
    other = recorded(True, inputs, **{**settings, "seed": 2})[1]
    assert other[-1] != calls[-1]


@pytest.mark.parametrize("candidates", [None, 4])
def test_the_block_changes_nothing(candidates):
    inputs = batch(1)
    fusion = norm_fusion()
    moving = [weight.numpy() for weight in fusion.non_trainable_weights]
    losses = []
    for block_rows in (1, 5, 12, N * M, 4096):
        layer = PairwiseLogistic(fusion, block_rows=block_rows, candidates=candidates, seed=7)
        losses.append(float(layer(inputs, training=True)))
        for weight, value in zip(fusion.non_trainable_weights, moving):
            weight.assign(value)
    np.testing.assert_allclose(losses, losses[0], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, xla(True)])
def test_batch_norm_sees_the_chosen_pairs_once_and_no_padding(jit_compile):
    """Half of all slots are padding, so each chosen pair is scored exactly twice."""
    images, texts, _, _ = batch(3, n=8, m=8)
    images[4:], texts[4:] = 1e6, -1e6
    matches = np.diag([True] * 4 + [False] * 4)
    negatives = np.zeros((8, 8), bool)
    negatives[:4, :4] = ~matches[:4, :4]
    fusion = norm_fusion()
    kernel, bias = (weight.numpy() for weight in fusion.get_layer("joint").weights)
    norm = fusion.get_layer("norm")
    moving = norm.moving_mean.numpy(), norm.moving_variance.numpy()
    i, j, labels = hardest_pairs(every_score(fusion, images, texts), matches, negatives)
    assert len(labels) == 12

    layer = PairwiseLogistic(fusion, block_rows=5)
    layer.build([(8, DIM), (8, DIM), (8, 8)])
    step = tf.function(lambda *inputs: layer(inputs, training=True), jit_compile=jit_compile)
    loss = step(*[tf.constant(part) for part in (images, texts, matches, negatives)])

    joint = (images[i] * texts[j]).astype(float) @ kernel + bias
    mean, variance = joint.mean(axis=0), joint.var(axis=0)
    np.testing.assert_allclose(norm.moving_mean, 0.75 * moving[0] + 0.25 * mean, rtol=1e-4)
    np.testing.assert_allclose(norm.moving_variance, 0.75 * moving[1] + 0.25 * variance, rtol=1e-4)
    hidden = np.maximum((joint - mean) / np.sqrt(variance + norm.epsilon), 0.0)
    weight, offset = (part.numpy() for part in fusion.get_layer("score").weights)
    scores = (hidden @ weight + offset)[:, 0]
    np.testing.assert_allclose(loss, logistic(scores, labels), rtol=1e-4)


def test_evaluation_leaves_the_moving_statistics():
    fusion = norm_fusion()
    before = [weight.numpy() for weight in fusion.weights]
    images, texts, matches, negatives = batch()
    loss = PairwiseLogistic(fusion, **ALL_POSITIVES)(batch(), training=False)
    for weight, value in zip(fusion.weights, before):
        np.testing.assert_array_equal(weight, value)
    scores = every_score(fusion, images, texts)
    i, j, labels = hardest_pairs(scores, matches, negatives)
    np.testing.assert_allclose(loss, logistic(scores[i, j], labels), rtol=1e-5)


def tensor_sizes(graph):
    """How many numbers each float tensor of a graph, and of the functions it calls, holds."""
    for operation in graph.get_operations():
        for output in operation.outputs:
            if output.dtype.is_floating and output.shape.is_fully_defined():
                yield output.shape.num_elements()
    for function in graph.as_graph_def().library.function:
        for node in function.node_def:
            for shape in node.attr["_output_shapes"].list.shape:
                if not shape.unknown_rank:
                    yield int(np.prod([dim.size for dim in shape.dim]))


@pytest.mark.parametrize("block_rows", [64, 2000])
def test_not_all_pairs_are_fused_at_once(block_rows):
    """The largest array holds one score a pair; or the embeddings of all, in a block of all."""
    n, m, dim = 40, 50, 16
    inputs = [tf.zeros((n, dim)), tf.zeros((m, dim)), tf.constant(np.eye(n, m, dtype=bool))]
    layer = PairwiseLogistic(norm_fusion(dim), block_rows=block_rows)
    step = tf.function(lambda *inputs: layer(inputs, training=True))
    largest = max(tensor_sizes(step.get_concrete_function(*inputs).graph))
    chosen = (m + m + n) * dim
    assert largest == (max(32 * 64, chosen) if block_rows == 64 else n * m * dim)


@pytest.mark.parametrize(
    ("matches", "negatives", "jit_compile"),
    [
        (np.zeros((N, M), bool), None, None),
        xla(np.zeros((N, M), bool), np.zeros((N, M), bool), True),
        (np.ones((N, M), bool), None, None),
        xla(np.eye(N, M, dtype=bool), np.zeros((N, M), bool), True),
    ],
    ids=["no match", "padding alone", "no negative", "no safe negative"],
)
def test_without_matches_or_negatives_all_is_finite(matches, negatives, jit_compile):
    images, texts, _, _ = batch()
    negatives = ~matches if negatives is None else negatives
    layer = PairwiseLogistic(norm_fusion())
    loss, gradients = value_and_gradients(layer, [images, texts, matches, negatives], jit_compile)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert all(np.isfinite(weight.numpy()).all() for weight in layer.weights)
    if matches.any():
        assert 0 < loss < 10
    else:
        assert loss == 0
        assert not any(np.any(gradient) for gradient in gradients)
        assert layer.misclassified.result() == 0


def training_model(layer, policy=None):
    image, text = keras.Input((DIM,), name="image"), keras.Input((DIM,), name="text")
    masks = {
        name: keras.Input((None,), name=name, dtype="bool") for name in ("matches", "negatives")
    }
    embeddings = [
        keras.layers.Dense(DIM, name=name, dtype=policy)(features)
        for name, features in (("image_branch", image), ("text_branch", text))
    ]
    return keras.Model(
        {"image": image, "text": text, **masks}, layer([*embeddings, *masks.values()])
    )


def dataset(batches):
    names = ("image", "text", "matches", "negatives")
    return tf.data.Dataset.from_tensor_slices(
        {name: np.stack(parts) for name, parts in zip(names, zip(*batches))}
    )


def test_metrics_under_fit_are_those_of_the_loops():
    batches = [batch(seed) for seed in range(3)]
    layer = PairwiseLogistic(dot_fusion(), **ALL_POSITIVES, negative_texts=2)
    model = training_model(layer)
    model.compile(keras.optimizers.SGD(0.0), jit_compile=True)
    history = model.fit(dataset(batches), epochs=2, shuffle=False, verbose=0).history
    kernels = [weight.numpy() for weight in model.weights[:4]]
    losses, wrong = [], []
    for images, texts, matches, negatives in batches:
        scores = (images @ kernels[0] + kernels[1]) @ (texts @ kernels[2] + kernels[3]).T
        i, j, labels = hardest_pairs(scores, matches, negatives, negative_texts=2)
        losses.append(logistic(scores[i, j], labels))
        wrong.append(scores[i, j] * labels <= 0)
    misclassified = np.concatenate(wrong).mean()
    assert 0 < misclassified < 1
    assert set(history) == {"loss", "logistic", "misclassified"}
    for name, value in (
        ("loss", np.mean(losses)),
        ("logistic", np.mean(losses)),
        ("misclassified", misclassified),
    ):
        np.testing.assert_allclose(history[name], [value, value], rtol=1e-4)


def test_a_score_of_zero_is_misclassified():
    layer = PairwiseLogistic(dot_fusion())
    layer([np.zeros((3, DIM), "float32"), np.zeros((3, DIM), "float32"), np.eye(3, dtype=bool)])
    assert layer.misclassified.result() == 1
    np.testing.assert_allclose(layer.logistic.result(), np.log(2), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ({"negative_sampling": "random"}, None),
        ({"candidates": 3}, "mixed_bfloat16"),
    ],
)
def test_training_reduces_the_loss(settings, policy):
    layer = PairwiseLogistic(norm_fusion(policy=policy), seed=0, **settings)
    model = training_model(layer, policy)
    model.compile(keras.optimizers.Adam(0.02))
    batches = dataset([batch()] * 10)
    before = [weight.numpy() for weight in model.trainable_weights]
    assert len(before) == 4 + 6
    history = model.fit(batches, epochs=6, shuffle=False, verbose=0).history["logistic"]
    assert history[-1] < 0.7 * history[0]
    moved = [(old != new.numpy()).any() for old, new in zip(before, model.trainable_weights)]
    assert sum(moved) >= 9  # the bias before the batch norm has no gradient


@pytest.mark.parametrize("own_policy", [None, "mixed_bfloat16"])
def test_float32_embeddings_are_not_cast_down_by_the_policy(own_policy):
    images, texts, matches, negatives = batch()
    fusion = dot_fusion()
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        settings = {"dtype": own_policy} if own_policy else {}
        layer = PairwiseLogistic(fusion, **ALL_POSITIVES, **settings)
        found = layer([images, texts, matches, negatives])
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert found.dtype == tf.float32
    i, j, labels = hardest_pairs(images @ texts.T, matches, negatives)
    expected = logistic((images[i] * texts[j]).sum(axis=1), labels)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_config_round_trip():
    settings = {
        "negative_sampling": "random",
        "negative_images": 2,
        "negative_texts": 0,
        "positives_per_text": 3,
        "candidates": 8,
        "block_rows": 100,
        "seed": 4,
    }
    layer = PairwiseLogistic(norm_fusion(), **settings, name="pairs")
    config = layer.get_config()
    assert {name: config[name] for name in settings} == settings
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(restored) is PairwiseLogistic
    assert restored.get_config() == config
    assert restored.name == "pairs"
    restored.fusion.set_weights(layer.fusion.get_weights())
    np.testing.assert_array_equal(restored(batch()), layer(batch()))


def test_a_whole_training_model_saves_and_loads(tmp_path):
    fusion = norm_fusion()
    model = training_model(PairwiseLogistic(fusion, seed=3))
    inputs = dict(zip(("image", "text", "matches", "negatives"), batch()))
    fusion.get_layer("score").set_weights([np.ones((5, 1)), np.ones(1)])
    model.save(tmp_path / "training.keras")
    loaded = keras.saving.load_model(tmp_path / "training.keras")
    np.testing.assert_allclose(loaded(inputs), model(inputs), rtol=1e-6)


def test_the_fusion_is_shared():
    fusion = norm_fusion()
    layer = PairwiseLogistic(fusion)
    assert {id(weight) for weight in fusion.trainable_weights} == {
        id(weight) for weight in layer.trainable_weights
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fusion": np.dot}, "`fusion` must be a Keras model or layer. Received: <"),
        ({"negative_sampling": "easy"}, "`negative_sampling` must be 'hardest' or 'rand.*g='easy'"),
        ({"negative_images": -1}, "`negative_images` must be a non-negative int.*=-1"),
        ({"negative_texts": 1.5}, "`negative_texts` must be a non-negative int.*=1.5"),
        ({"negative_images": 0, "negative_texts": 0}, "must not both be 0"),
        ({"positives_per_text": 0}, "`positives_per_text` must be a positive int.*=0"),
        ({"block_rows": 0}, "`block_rows` must be a positive int. Received: block_rows=0"),
        ({"candidates": 0}, "`candidates` must be a positive int.*candidates=0"),
        ({"candidates": 3, "negative_images": 2, "positives_per_text": 2}, "of at least 4"),
        ({"candidates": 3, "negative_texts": 5}, "of at least 5"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        PairwiseLogistic(**{"fusion": dot_fusion(), **settings})


@pytest.mark.parametrize(
    ("changed", "value", "message"),
    [
        (0, np.zeros(N, "float32"), "`image_embeddings` must have rank 2"),
        (1, np.zeros((M, DIM + 1), "float32"), "the same last dimension"),
        (2, np.zeros((N, M + 1), bool), r"`matches` must have shape \(6, 9\)"),
        (3, np.zeros((M, N), bool), r"`negatives` must have shape \(6, 9\)"),
    ],
)
def test_wrong_inputs_are_named(changed, value, message):
    inputs = list(batch())
    inputs[changed] = value
    with pytest.raises(ValueError, match=message):
        PairwiseLogistic(dot_fusion())(inputs)


def test_a_fusion_of_another_shape_is_named():
    pair = {name: keras.Input((DIM,), name=name) for name in ("image", "text")}
    product = keras.Model(pair, keras.layers.Multiply()(list(pair.values())))
    with pytest.raises(ValueError, match=r"`fusion` must return one score a pair.*shape=\(54, 4\)"):
        PairwiseLogistic(product)(batch())
