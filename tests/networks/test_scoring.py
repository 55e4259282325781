"""Tests of how both networks score pairs, blocks and matrices."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork, pair_scorer

NETWORKS = {"embedding": EmbeddingNetwork, "similarity": SimilarityNetwork}
N, M = 6, 7


def network_of(kind, **changes):
    """A small network whose weights, the running averages too, are not their first values."""
    joint = {"joint_dims": (9, 4)} if kind == "similarity" else {}
    settings = {"image_dim": 6, "text_dim": 4, "hidden_dim": 16, "embedding_dim": 5}
    network = NETWORKS[kind](**{**settings, **joint, **changes})
    rng = np.random.default_rng(7)
    for weight in network.weights:
        spread = weight.name in ("deviation", "moving_variance")
        weight.assign(rng.uniform(0.5 if spread else -1.5, 1.5, weight.shape))
    return network


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    return network_of(request.param)


@pytest.fixture(params=NETWORKS)
def kind(request):
    return request.param


def features(n=N, m=M, seed=0):
    rng = np.random.default_rng(seed)
    images, texts = rng.normal(size=(n, 6)), rng.normal(size=(m, 4))
    return images.astype("float32"), texts.astype("float32")


def one_by_one(network, images, texts):
    """The matrix of scores, each pair by itself."""
    rows = [[network.score(i[None], t[None])[0] for t in texts] for i in images]
    return np.array(rows)


def assert_scores(found, expected):
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("block", [1, 3, M, 8, 20, 64, 8192])
def test_a_matrix_is_its_pairs_whatever_the_block(network, monkeypatch, block):
    """Blocks that split rows (m is larger than the first two) and blocks of several rows."""
    images, texts = features()
    expected = one_by_one(network, images, texts)
    assert len(np.unique(expected.round(4))) > 10  # else rows could be confused unseen
    monkeypatch.setattr(pair_scorer, "_PAIRS", block)
    sizes, fuse = [], network.fusion.predict_on_batch

    def counted(pairs):
        sizes.append({len(rows) for rows in pairs.values()})
        return fuse(pairs)

    monkeypatch.setattr(network.fusion, "predict_on_batch", counted)
    blocks = list(network.score_blocks(images, texts))
    assert {size for of_both in sizes for size in of_both} <= set(range(1, block + 1))
    assert all(len(of_both) == 1 for of_both in sizes)
    assert {rows.shape[1] for rows in blocks} == {M}
    assert all(len(rows) == 1 or rows.size <= block for rows in blocks)
    assert_scores(np.concatenate(blocks), expected)
    np.testing.assert_array_equal(network.score_matrix(images, texts), np.concatenate(blocks))


def test_a_score_is_a_call_of_the_network(network):
    images, texts = features(5, 5)
    found = network.score(images, texts)
    called = network({"image": images, "text": texts})
    if isinstance(network, EmbeddingNetwork):
        called = np.sum(called["image"] * called["text"], axis=1)
    assert_scores(found, np.asarray(called))
    assert_scores(found, np.diagonal(network.score_matrix(images, texts)))


def test_the_embedding_network_scores_by_the_dot_product():
    network = network_of("embedding")
    images, texts = features(9, 4)
    found = network.score_matrix(images, texts)
    assert_scores(found, network.embed_images(images) @ network.embed_texts(texts).T)
    assert np.abs(found).max() <= 1 + 1e-5
    assert network.fusion.weights == []


@pytest.mark.parametrize("block", [2, 4, 8192])
def test_some_pairs_with_rows_repeated(network, monkeypatch, block):
    monkeypatch.setattr(pair_scorer, "_PAIRS", block)
    images, texts = features()
    image_rows = np.array([5, 0, 0, 2, 5, 0, 3], np.int32)
    text_rows = np.array([6, 6, 6, 1, 0, 2, 4], np.uint8)
    found = network.score_pairs(images, texts, image_rows, text_rows)
    assert_scores(found, network.score_matrix(images, texts)[image_rows, text_rows])
    assert_scores(network.score_pairs(images, texts, [5, 0], [6, 6]), found[:2])


@pytest.mark.parametrize("call", ["pairs", "matrix"])
def test_each_row_is_embedded_once(network, monkeypatch, call):
    images, texts = features()
    embedded = {"image": 0, "text": 0}

    def counting(view, embed):
        def counted(rows):
            embedded[view] += len(rows)
            return embed(rows)

        return counted

    for view in embedded:
        branch = getattr(network, f"{view}_branch")
        monkeypatch.setattr(branch, "predict_on_batch", counting(view, branch.predict_on_batch))
    if call == "pairs":
        network.score_pairs(images, texts, np.repeat(np.arange(N), 9), np.arange(9 * N) % M)
    else:
        network.score_matrix(images, texts)
    assert embedded == {"image": N, "text": M}


@pytest.mark.parametrize(("n", "m"), [(0, 5), (4, 0), (0, 0)])
def test_no_images_or_no_texts(network, n, m):
    images, texts = features(n, m)
    matrix = network.score_matrix(images, texts)
    assert (matrix.shape, matrix.dtype) == ((n, m), np.float32)
    assert sum(len(rows) for rows in network.score_blocks(images, texts)) == n
    pairs = network.score_pairs(images, texts, [], [])
    assert (pairs.shape, pairs.dtype) == ((0,), np.float32)
    assert network.score(images[:0], texts[:0]).shape == (0,)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_memory_maps_of_other_float_types(network, tmp_path, dtype):
    maps = []
    for name, rows in zip(("image", "text"), features()):
        np.save(tmp_path / f"{name}.npy", rows.astype(dtype))
        maps.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    wide = [np.array(rows, np.float32) for rows in maps]
    assert_scores(network.score_matrix(*maps), network.score_matrix(*wide))
    assert_scores(
        network.score_pairs(*maps, [0, 1], [1, 0]), network.score_matrix(*wide)[[0, 1], [1, 0]]
    )


def test_saved_and_loaded(kind, tmp_path):
    network = network_of(kind, name="matcher")
    network.standardize(*features(50, 50, seed=1))
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    assert type(loaded) is NETWORKS[kind]
    assert loaded.get_config() == network.get_config()
    np.testing.assert_array_equal(
        loaded.score_matrix(*features()), network.score_matrix(*features())
    )


@pytest.mark.parametrize("dtype", [None, "mixed_bfloat16"])
def test_the_config_is_json_whatever_numbers_it_was_given(kind, dtype):
    network = network_of(
        kind, text_dim=np.int64(4), dropout=np.float32(0.25), noise=np.float32(0.5), dtype=dtype
    )
    config = json.loads(json.dumps(network.get_config()))
    assert (config["text_dim"], config["dropout"], config["noise"]) == (4, 0.25, 0.5)
    restored = NETWORKS[kind].from_config(config)
    assert restored.get_config() == network.get_config() == config
    assert restored.dtype_policy == network.dtype_policy
    assert [w.path for w in restored.weights] == [w.path for w in network.weights]


@pytest.mark.slow
@pytest.mark.parametrize("given", ["to the network", "to Keras"])
@pytest.mark.parametrize("dtype", ["mixed_bfloat16", "mixed_float16"])
def test_scores_are_float32_under_mixed_precision(kind, dtype, given):
    plain = network_of(kind).score_matrix(*features())
    if given == "to the network":
        network = network_of(kind, dtype=dtype)
    else:
        try:
            keras.mixed_precision.set_dtype_policy(dtype)
            network = network_of(kind)
        finally:
            keras.mixed_precision.set_dtype_policy("float32")
    assert network.image_branch.get_layer("hidden").compute_dtype == dtype[6:]
    found = network.score_matrix(*features())
    assert found.dtype == np.float32
    assert not np.array_equal(found, plain)  # the policy does something
    np.testing.assert_allclose(found, plain, atol=0.1 * plain.std())
    if kind == "embedding":  # the product of the embeddings is rounded nowhere
        images, texts = features()
        expected = network.embed_images(images) @ network.embed_texts(texts).T
        np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_rows_of_zeros_stay_finite(kind, dtype):
    network = NETWORKS[kind](6, 4, hidden_dim=8, embedding_dim=5, dtype=dtype)
    images, texts = np.zeros((3, 6), "float32"), np.zeros((3, 4), "float32")
    assert np.isfinite(network.score_matrix(images, texts)).all()
    with tf.GradientTape() as tape:
        pairs = {
            "image": network.image_branch(images, training=True),
            "text": network.text_branch(texts, training=True),
        }
        total = tf.reduce_sum(network.fusion(pairs, training=True))
    gradients = tape.gradient(total, network.trainable_weights)
    assert len(gradients) == len(network.trainable_weights) > 0
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_under_xla_the_call_is_the_same(network):
    images, texts = features(M)
    batch = {"image": images, "text": texts}
    compiled = tf.function(network.call, jit_compile=True)
    found, plain = (tf.nest.map_structure(np.array, call(batch)) for call in (compiled, network))
    tf.nest.map_structure(assert_scores, found, plain)


def test_there_is_no_loss_inside(kind):
    network = network_of(kind, noise=0.5)
    images, texts = features(M)
    network({"image": images, "text": texts}, training=True)
    assert network.losses == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n, i, t: n.score(i, t), "`text_features` must have 6 rows.*Received: 7"),
        (lambda n, i, t: n.score_pairs(i, t, [0, 1, 2], [0, 1]), "`text_rows` must have 3 .*: 2"),
        (lambda n, i, t: n.score_pairs(i, t, [0], []), "`text_rows` must have 1 .*: 0"),
        (lambda n, i, t: n.score_pairs(i, t, [6], [0]), r"`image_rows` .*\[0, 6\). Received: 6"),
        (lambda n, i, t: n.score_pairs(i, t, [0], [-1]), r"`text_rows` .*\[0, 7\). Received: -1"),
        (lambda n, i, t: n.score_pairs(i, t, [0.0], [0]), "`image_rows` must be an int.*float64"),
        (lambda n, i, t: n.score_pairs(i, t, [0], [[0]]), r"`text_rows` must .*shape=\(1, 1\)"),
        (lambda n, i, t: n.score_matrix(t, t), r"`image_features` must .*\(n, 6\).*\(7, 4\)"),
        (lambda n, i, t: n.score_matrix(i, i), r"`text_features` must .*\(n, 4\).*\(6, 6\)"),
        (lambda n, i, t: n.score_matrix(i[0], t), r"`image_features` must .*shape=\(6,\)"),
        (lambda n, i, t: n.embed_texts(i), r"`text_features` must .*\(n, 4\).*\(6, 6\)"),
    ],
)
def test_wrong_arguments_are_named(network, call, message):
    with pytest.raises(ValueError, match=message):
        call(network, *features())
