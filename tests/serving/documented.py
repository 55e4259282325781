"""A small model to serve where a page's examples ask one."""

import contextlib

import keras
import numpy as np

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.search import Searchable
from tb_keras.serving import export
from tests.serving.servers import serving
from tests.serving.small_models import TEXT_DIM, image_encoder, network, pictures, text_encoder

SIZE = 32


@contextlib.contextmanager
def served(text, name, directory):
    """Yields a page's text, the ports in it those of a server of a model of that name.

    The files that the examples name are in the directory.
    """
    strings = keras.Input((), dtype="string", name="image_bytes")
    backbone = image_encoder("small", size=SIZE)
    images = keras.Model(strings, backbone(DecodeImages(SIZE, SIZE)(strings)))
    made = network(backbone.output_shape[-1], TEXT_DIM)
    found = Searchable(["a.png", "b.png"], np.random.default_rng(0).normal(size=(2, 16)))
    export(made, directory / "savedmodels" / name, images, text_encoder(), searchable=found)
    (directory / "pictures").mkdir()
    for file in ("pictures/dog.png", "bee.png", "bus.png"):
        (directory / file).write_bytes(pictures()[0])
    labels = {"stable": 1}
    with serving("stand-in", directory / "savedmodels" / name, name, labels) as addresses:
        text = text.replace("localhost:8500", addresses.grpc)
        yield text.replace("localhost:8501", addresses.rest)
