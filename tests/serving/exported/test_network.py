"""Tests of an exported network asked from features, against the network itself."""

import numpy as np
import pytest
import tensorflow as tf

from tb_keras.serving import ExportedNetwork
from tests.cases import slow_but

pytestmark = pytest.mark.xdist_group("exports")

KINDS = ["embedding", "kernel embedding", "similarity", "kernel similarity"]


@pytest.fixture(scope="module", params=slow_but("similarity", cases=KINDS))
def exported(request, feature_export):
    made, version = feature_export(request.param)
    return made, ExportedNetwork(version.parent), request.param.removeprefix("kernel ")


def features(rows, dim, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=(rows, dim)).astype(dtype)


def test_what_it_is(exported, tmp_path):
    _, model, kind = exported
    assert model.network == kind
    assert model.path.name == "1"
    with pytest.raises(FileNotFoundError, match="must hold an exported model"):
        ExportedNetwork(tmp_path)


@pytest.mark.parametrize(("rows", "dtype"), [(0, "float32"), (1, "float64"), (2500, "float16")])
def test_embeddings(exported, rows, dtype):
    made, model, _ = exported
    for embed, expected, dim in (
        (model.embed_images, made.embed_images, 5),
        (model.embed_texts, made.embed_texts, 4),
    ):
        given = features(rows, dim, dtype=dtype)
        found = embed(given)
        assert (found.shape, found.dtype) == ((rows, 16), np.float32)
        np.testing.assert_allclose(found, expected(given), atol=1e-5)


def test_scores_of_pairs(exported):
    made, model, _ = exported
    images, texts = features(40, 5), features(30, 4)
    rows, columns = np.random.default_rng(2).integers(0, 30, (2, 10_000))  # more than a block
    found = model.score_pairs(images, texts, rows, columns)
    matrix = made.score_matrix(images, texts)
    np.testing.assert_allclose(found, matrix[rows, columns], atol=1e-5)
    assert np.ptp(found) > 0.01


def test_score_matrix(exported):
    made, model, _ = exported
    images, texts = features(70, 5), features(130, 4)  # more than a block
    found = model.score_matrix(images, texts)
    assert (found.shape, found.dtype) == ((70, 130), np.float32)
    np.testing.assert_allclose(found, made.score_matrix(images, texts), atol=1e-5)
    np.testing.assert_allclose(
        model.score(images[:30], texts[:30]), np.diag(found[:30, :30]), atol=1e-5
    )


def test_features_of_another_size(exported):
    _, model, _ = exported
    with pytest.raises(ValueError, match=r"`features` must have shape \(n, 5\).*\(2, 7\)"):
        model.embed_images(features(2, 7))


def test_a_saved_model_of_another_kind(tmp_path):
    root = tf.Module()
    root.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((None,))])
    tf.saved_model.save(root, str(tmp_path / "3"), signatures={"double": root.double})
    with pytest.raises(ValueError, match=r"`directory` must hold a model that .* tb-export wrote"):
        ExportedNetwork(tmp_path)
