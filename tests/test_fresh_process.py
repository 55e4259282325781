"""One process that made none of them loads a model of each kind; `import tb_keras` is enough."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import tb_keras
from tb_keras.encoders import WordVectors, fit_text_encoder
from tb_keras.encoders.text.fitted_text_encoder import BAGS, FITTED_TEXT_ENCODERS
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tests.cases import selected, slow_but

SIZES = {"image_dim": 6, "text_dim": 4, "hidden_dim": 8, "embedding_dim": 5}
TEXTS = ["A dog.", "a DOG, a cat", "the cat!", "a bus", "rain and rain"]
ASKED = ["Dog dog cat", "", "nothing known", "☔ 雨", "a a a bus", "the " * 200, "x\x00 a"]

LOADING = """
import json, pathlib, sys
import numpy as np
import tb_keras  # nothing else of the package, and no custom_objects
import keras
import tensorflow as tf

directory = pathlib.Path(sys.argv[1])
asked = json.loads((directory / "asked.json").read_text())
for path in sorted(directory.glob("*.keras")):
    model = keras.saving.load_model(path)
    inputs = dict(np.load(path.with_suffix(".inputs.npz")))
    found = {f"weight{i}": weight.numpy() for i, weight in enumerate(model.weights)}
    if isinstance(model, tb_keras.networks.TwoBranchNetwork):
        found["images"] = model.embed_images(inputs["image"])
        found["texts"] = model.embed_texts(inputs["text"])
        found["scores"] = model.score(inputs["image"], inputs["text"])
        called = enumerate(tf.nest.flatten(model(inputs)))
        found |= {f"called{i}": output for i, output in called}
        found["parts"] = model.text_branch.get_layer(index=1) is model.text_encoder
    elif inputs:
        found["called"] = model(inputs if len(inputs) > 1 else inputs["image"])
    else:
        found["called"] = model.predict(tf.constant(asked), verbose=0)
    np.savez(path.with_suffix(".found.npz"), **found)
    told = {"kind": type(model).__name__, "name": model.name}
    if "images" in found:
        told["config"] = model.get_config()
    path.with_suffix(".json").write_text(json.dumps(told))
"""


def scrambled(model):
    """Gives every weight, the running averages too, a value that is not its first one."""
    rng = np.random.default_rng(7)
    for weight in model.weights:
        weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


def words():
    indices = keras.Input((4,), dtype="int32")
    vectors = keras.layers.Embedding(9, 7, name="vectors")(indices)
    return keras.Model(indices, keras.ops.mean(vectors, axis=1), name="words")


def networks():
    return {
        "embedding": scrambled(EmbeddingNetwork(**SIZES, dropout=0.25, name="matcher")),
        "similarity": scrambled(SimilarityNetwork(**SIZES, joint_dims=(7, 3), name="scorer")),
        "embedding_of_words": scrambled(EmbeddingNetwork(**SIZES, text_encoder=words())),
        "similarity_of_words": scrambled(
            SimilarityNetwork(**SIZES, joint_dims=(4,), text_encoder=words())
        ),
    }


def fitted(name):
    settings = {"verbose": False, "min_texts": 1, "units": 3}
    if name not in BAGS:
        known = "cat dog bus rain a moon Moon sea".split()
        vectors = np.random.default_rng(0).normal(size=(len(known), 4)).astype("float32")
        settings["word_vectors"] = WordVectors(known, vectors)
    if name in ("hglmm", "gmm", "lmm"):
        settings |= {"num_centers": 2, "components": 3}
    return fit_text_encoder(name, TEXTS, **settings).encoder


@pytest.fixture(scope="module")
def models(request):
    """The models that are asked for, by name."""
    made, names = networks(), selected(request, "name")
    parts = {"branch": made["embedding"].image_branch, "fusion": made["similarity"].fusion}
    encoders = {name: fitted(name) for name in FITTED_TEXT_ENCODERS if name in names}
    return {name: model for name, model in {**made, **parts, **encoders}.items() if name in names}


def features(name):
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(2, 12, 6)).astype("float32")
    if name == "fusion":
        return {"image": images[:, :5], "text": texts[:, :5]}
    if name == "branch":
        return {"image": images}
    if name.endswith("of_words"):
        return {"image": images, "text": rng.integers(0, 9, (12, 4)).astype("int32")}
    return {"image": images, "text": texts[:, :4]}


@pytest.fixture(scope="module")
def loaded(models, tmp_path_factory):
    """By name, what each loaded model is and answers."""
    directory = tmp_path_factory.mktemp("fresh")
    (directory / "asked.json").write_text(json.dumps(ASKED))
    for name, model in models.items():
        model.save(directory / f"{name}.keras")
        inputs = {} if name in FITTED_TEXT_ENCODERS else features(name)
        np.savez(directory / f"{name}.inputs.npz", **inputs)
    process = subprocess.run(
        [sys.executable, "-c", LOADING, str(directory)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=pathlib.Path(tb_keras.__file__).parents[1],
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return {
        name: (
            json.loads((directory / f"{name}.json").read_text()),
            dict(np.load(directory / f"{name}.found.npz")),
        )
        for name in models
    }


def check_weights(found, model):
    for index, weight in enumerate(model.weights):
        np.testing.assert_array_equal(found[f"weight{index}"], weight.numpy())


@pytest.mark.parametrize(
    "name",
    slow_but(
        *("embedding", "similarity"),
        cases=["embedding", "similarity", "embedding_of_words", "similarity_of_words"],
    ),
)
def test_networks(models, loaded, name):
    model, (told, found) = models[name], loaded[name]
    assert (told["kind"], told["name"]) == (type(model).__name__, model.name)
    assert told["config"] == json.loads(json.dumps(model.get_config()))
    check_weights(found, model)
    inputs = features(name)
    scores = model.score(inputs["image"], inputs["text"])
    np.testing.assert_allclose(found["images"], model.embed_images(inputs["image"]), atol=1e-6)
    np.testing.assert_allclose(found["texts"], model.embed_texts(inputs["text"]), atol=1e-6)
    np.testing.assert_allclose(found["scores"], scores, rtol=1e-5, atol=1e-6)
    for index, output in enumerate(tf.nest.flatten(model(inputs))):
        np.testing.assert_allclose(found[f"called{index}"], output, rtol=1e-5, atol=1e-6)
    assert found["parts"] == name.endswith("of_words")  # the encoder is the branch's, not a copy


@pytest.mark.parametrize("name", ["branch", "fusion"])
def test_parts_of_networks(models, loaded, name):
    model, (told, found) = models[name], loaded[name]
    assert told["name"] == model.name
    check_weights(found, model)
    inputs = features(name)
    expected = model(inputs if name == "fusion" else inputs["image"])
    np.testing.assert_allclose(found["called"], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", slow_but("tfidf", cases=FITTED_TEXT_ENCODERS))
def test_fitted_text_encoders(models, loaded, name):
    expected, found = models[name].predict(tf.constant(ASKED), verbose=0), loaded[name][1]
    check_weights(found, models[name])
    assert found["called"].dtype == expected.dtype
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(found["called"], expected, atol=1e-6)
