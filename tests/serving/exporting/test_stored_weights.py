"""Tests of weights in half, against the network in float32, here and as files."""

import functools
import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.search import Index, Searchable
from tb_keras.serving import export
from tb_keras.serving.exporting.stored_weights import StoredWeights
from tests.cases import slow_but
from tests.serving.exporting.asking import described
from tests.serving.small_models import TEXT_DIM, network, text_encoder

DTYPES = ("float32", "bfloat16", "float16")
# In embeddings of unit length. Each weight is rounded by 2**-9 or 2**-12; the errors mean out.
ERROR = {"float32": 1e-6, "bfloat16": 1e-2, "float16": 1e-3}
ROWS = 300


def large_network():
    """Large enough for its matrices to take most of the room."""
    made = EmbeddingNetwork(64, TEXT_DIM, hidden_dim=256, embedding_dim=64)
    rng = np.random.default_rng(0)
    made.standardize(rng.normal(2, 3, (50, 64)), rng.normal(1, 2, (50, TEXT_DIM)))
    return made


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """The network, a dtype → its version, the features, and what is searched."""
    directory = tmp_path_factory.mktemp("exported")
    random.seed(0)  # Keras draws its seeds from it
    made = large_network()
    rng = np.random.default_rng(1)
    images, texts = rng.normal(2, 3, (ROWS, 64)), rng.normal(1, 2, (ROWS, TEXT_DIM))
    ids = [f"image {row}" for row in range(ROWS)]
    searchable = Searchable(ids, made.embed_images(images))
    before = [weight.numpy() for weight in made.weights]

    @functools.cache
    def version(dtype):
        written = export(made, directory / dtype, searchable=searchable, weights=dtype)
        for weight, old in zip(made.weights, before, strict=True):
            assert weight.dtype == old.dtype
            np.testing.assert_array_equal(weight.numpy(), old)
        return written

    return made, version, images.astype("float32"), texts.astype("float32"), searchable


def stored(version):
    """Shapes and dtypes of the variables that a version stores."""
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    return [(tuple(shapes[name]), dtypes[name].name) for name in shapes]


each = pytest.mark.parametrize("dtype", slow_but("bfloat16", cases=DTYPES))


@each
def test_answers(exported, dtype):
    made, version, images, texts, searchable = exported
    signatures = tf.saved_model.load(str(version(dtype))).signatures
    for name, features, expected in (
        ("embed_image_features", images, made.embed_images(images)),
        ("embed_text_features", texts, made.embed_texts(texts)),
    ):
        found = signatures[name](features=tf.constant(features))["embedding"]
        assert found.dtype == tf.float32
        difference = np.abs(found - expected).max()
        assert difference < ERROR[dtype]
        assert (difference > 1e-6) == (dtype != "float32")  # they are in half
    k = np.full(ROWS, 5, np.int32)
    found = signatures["search"](text_features=tf.constant(texts), k=tf.constant(k))
    scores, rows = Index(searchable.image_embeddings).search(made.embed_texts(texts), 5)
    np.testing.assert_allclose(found["score"], scores, atol=3 * ERROR[dtype])
    best = [f"image {row}".encode() for row in rows[:, 0]]
    assert np.mean(found["id"].numpy()[:, 0] == best) > (0.9 if dtype != "float32" else 0.999)


@pytest.mark.slow
def test_files_of_half_the_size(exported):
    _, version, *_ = exported
    sizes = {
        dtype: sum(file.stat().st_size for file in (version(dtype) / "variables").glob("*.data*"))
        for dtype in DTYPES
    }
    for dtype in DTYPES[1:]:
        assert 0.5 * sizes["float32"] < sizes[dtype] < 0.6 * sizes["float32"]
        assert described(version(dtype)) == described(version("float32"))


@each
def test_vectors_stay_in_float32(exported, dtype):
    made, version, *_ = exported
    weights = [tuple(weight.shape) for weight in made.weights]
    kept = stored(version(dtype))
    found = [(shape, name) for shape, name in kept if name not in ("string", "int64")]
    expected = [(shape, dtype if len(shape) > 1 else "float32") for shape in weights]
    expected.append(((ROWS, 64), dtype))  # what is searched
    assert sorted(found) == sorted(expected)


@pytest.mark.slow
def test_the_similarity_network_and_an_encoder(tmp_path):
    """Other layers, and weights that stand in a model within a model."""
    encoder = text_encoder()
    dense = keras.layers.Dense(TEXT_DIM)(encoder.output)
    encoder = keras.Model(encoder.input, dense)
    made = network(5, TEXT_DIM, "similarity")
    assert isinstance(made, SimilarityNetwork)
    texts = [b"a dog", b"a cat in the rain", b""] * 5
    expected = encoder(tf.constant(texts))
    expected = made.score(np.eye(15, 5), expected.numpy())
    for dtype in DTYPES[1:]:
        version = export(made, tmp_path / dtype, text_encoder=encoder, weights=dtype)
        signatures = tf.saved_model.load(str(version)).signatures
        embedded = [
            signatures["embed_image_features"](
                features=tf.constant(np.eye(15, 5, dtype="float32"))
            ),
            signatures["embed_text"](text=tf.constant(texts)),
        ]
        images, texts_ = (answer["embedding"] for answer in embedded)
        found = signatures["score_embeddings"](image_embedding=images, text_embedding=texts_)
        np.testing.assert_allclose(found["score"], expected, atol=10 * ERROR[dtype])


def test_a_weight_that_is_too_large(tmp_path):
    made = network(5, 4)
    kernel = next(weight for weight in made.weights if len(weight.shape) == 2)
    kernel.assign(kernel + 70_000.0)  # the largest float16 is 65,504
    with pytest.raises(ValueError, match=r"room for the weight '.*kernel'.*dtype='float16'"):
        export(made, tmp_path, weights="float16")
    assert not list(tmp_path.iterdir())
    StoredWeights([made], "bfloat16")


def test_an_unknown_type(tmp_path):
    for dtype in ("int8", "float64", ""):
        with pytest.raises(ValueError, match=f"one of float32, bfloat16, float16.*'{dtype}'"):
            export(network(3, 2), tmp_path, weights=dtype)
    assert not list(tmp_path.iterdir())


def test_a_weight_of_two_models_is_stored_once():
    made = network(5, 4)
    assert len(StoredWeights([made, made.image_branch]).parts) == len(made.weights)
    halves = [part.dtype.name for part in StoredWeights([made, made], "float16").parts]
    assert halves.count("float16") == sum(len(weight.shape) > 1 for weight in made.weights)
