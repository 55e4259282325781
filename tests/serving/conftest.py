"""Exports that many tests ask, made once."""

import functools
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import slow_but


class WholeExport(NamedTuple):
    """A model with encoders, and what it must answer to `contents` and `texts`."""

    version: object
    network: object
    encoders: tuple
    searchable: object
    contents: list
    texts: list
    features: tuple
    embeddings: tuple


@pytest.fixture(scope="session")
def export_of_small_encoders(tmp_path_factory):
    """Encoders that are small, with something to search."""
    from tests.serving.exporting.small_exports import picture_encoder
    from tests.serving.small_models import text_encoder

    return exported_whole(tmp_path_factory.mktemp("small"), picture_encoder(), text_encoder())


@pytest.fixture(scope="session")
def export_of_real_encoders(tmp_path_factory):
    """EfficientNet-Lite0 and MiniLM, with something to search."""
    pytest.importorskip("keras_hub")
    from tb_keras.encoders import image_encoder, text_encoder

    encoders = image_encoder("efficientnet_lite0"), text_encoder("minilm")
    return exported_whole(tmp_path_factory.mktemp("real"), *encoders)


@pytest.fixture(scope="session", params=slow_but("small", cases=["small", "real"]))
def whole_export(request):
    """Either of both."""
    return request.getfixturevalue(f"export_of_{request.param}_encoders")


def exported_whole(directory, *encoders):
    from tb_keras.search import Searchable
    from tb_keras.serving import export
    from tests.serving.small_models import network, pictures

    made = network(*(encoder.output_shape[1] for encoder in encoders))
    texts = ["a dog", "", "Zwölf Boxkämpfer jagen Viktor", "word " * 400, "🐕 犬", "x", "a dog "]
    contents = pictures()
    features = tuple(
        encoder.predict(tf.constant(strings), verbose=0)
        for encoder, strings in zip(encoders, (contents, texts))
    )
    embeddings = made.embed_images(features[0]), made.embed_texts(features[1])
    rng = np.random.default_rng(0)
    searchable = Searchable(
        [f"Bild {i}.jpg" for i in range(40)],
        rng.normal(size=(40, 16)).astype("float32"),
        [f"text №{i}" for i in range(30)],
        rng.normal(size=(30, 16)).astype("float32"),
    )
    version = export(made, directory / "model", *encoders, searchable=searchable)
    return WholeExport(version, made, encoders, searchable, contents, texts, features, embeddings)


@pytest.fixture(scope="session")
def feature_export(tmp_path_factory):
    """A kind of `network` → one of 5 and 4 features without encoders, and its version."""
    from tb_keras.serving import export
    from tests.serving.small_models import network

    @functools.cache
    def exported(kind):
        made = network(5, 4, kind)
        return made, export(made, tmp_path_factory.mktemp("features") / "model", card="# Card\n")

    return exported
