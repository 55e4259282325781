"""Small models, exported: with encoders, as a similarity network, of features, of regions."""

from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.regions import region_encoder as region_encoder_module
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.search import Searchable
from tb_keras.serving import export
from tests.cases import OnDemand
from tests.serving.small_models import image_encoder, network

IMAGE_DIM, TEXT_DIM, DIM, FOUND = 7, 4, 16, 12


class SmallExport(NamedTuple):
    """A network and the version that was written of it."""

    network: object
    version: object


class Counts(keras.layers.Layer):
    """Counts the characters of each string, and how many are U+FFFD, NUL or a blank."""

    def call(self, texts):
        def count(strings):
            return tf.cast(tf.strings.length(strings, unit="UTF8_CHAR"), tf.float32)

        def others(pattern):
            return count(texts) - count(tf.strings.regex_replace(texts, pattern, ""))

        counts = [count(texts), *map(others, (r"\x{FFFD}", r"\x00", r"\s"))]
        return tf.math.log1p(tf.stack(counts, axis=1))

    def compute_output_spec(self, texts):
        return keras.KerasTensor((texts.shape[0], TEXT_DIM), "float32")


def picture_encoder():
    """String `(n,)` → float32 `(n, IMAGE_DIM)`."""
    files = keras.Input((), dtype="string")
    return keras.Model(files, image_encoder("small", size=32)(DecodeImages(32, 32)(files)))


def region_encoder():
    """A region encoder whose backbone is small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(region_encoder_module, "image_encoder", image_encoder)
        return RegionEncoder("small", size=32)


def export_small(directory):
    """The model's name → its `SmallExport`."""
    strings = keras.Input((), dtype="string")
    texts = keras.Model(strings, Counts()(strings))
    images, regions = picture_encoder(), region_encoder()
    rng = np.random.default_rng(3)
    searchable = Searchable(
        [f"image {i}" for i in range(FOUND)],
        rng.normal(size=(FOUND, DIM)).astype("float32"),
        [f"text {i}" for i in range(FOUND)],
        rng.normal(size=(FOUND, DIM)).astype("float32"),
    )
    made = {
        "embedding": (network(IMAGE_DIM, TEXT_DIM), images, texts, searchable),
        "similarity": (network(IMAGE_DIM, TEXT_DIM, "similarity"), images, texts, None),
        "features": (network(IMAGE_DIM, TEXT_DIM), None, None, searchable),
        "regions": (network(regions.feature_dim, TEXT_DIM), regions, texts, None),
    }

    def exported(name):
        net, *encoders, found = made[name]
        return SmallExport(net, export(net, directory / name, *encoders, searchable=found))

    return OnDemand(exported)
