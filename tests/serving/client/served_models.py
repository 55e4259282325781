"""Small models to serve: an exported one, one that searches, one in several versions."""

import keras
import numpy as np
import tensorflow as tf

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.serving import export
from tests.serving.small_models import TEXT_DIM, image_encoder, network, pictures, text_encoder

SIZE = 32
TEXTS = ["a dog", "", "Zwölf Boxkämpfer", "word " * 400, "🐕 犬", "NUL \0 within", "a dog "]


class Expected:
    """A network's answers in Python to `pictures()` and `TEXTS`."""

    def __init__(self, network, images, texts):
        self.images = network.embed_images(images)
        self.texts = network.embed_texts(texts)
        self.scores = network.score(images, texts)


def export_small(directory):
    """Exports a similarity network with its encoders; `(the version's path, what it answers)`."""
    strings = keras.Input((), dtype="string", name="pictures")
    backbone = image_encoder("small", size=SIZE)
    images = keras.Model(strings, backbone(DecodeImages(SIZE, SIZE)(strings)))
    texts = text_encoder()
    features = images(tf.constant(pictures())).numpy(), texts(tf.constant(TEXTS)).numpy()
    made = network(backbone.output_shape[-1], TEXT_DIM, "similarity")
    return export(made, directory, images, texts), Expected(made, *features)


PICTURE_IDS = ["p0", "größer", "p2 犬", "p3", "p4"]
TEXT_IDS = ["t0", "t1", "t2", "t3", "t4"]
CORPUS = np.random.default_rng(0).normal(size=(len(PICTURE_IDS), TEXT_DIM)).astype("float32")


def _vectors(strings):
    return tf.cast(tf.io.decode_raw(strings, tf.uint8, fixed_length=TEXT_DIM), tf.float32) / 256


class Finder(tf.Module):
    """The signatures `search` and `search_texts`, as an export with a corpus has them."""

    def __init__(self):
        super().__init__()
        self.corpus = tf.Variable(CORPUS)

    def _found(self, strings, k, ids):
        width = tf.clip_by_value(tf.reduce_max(k), 0, len(ids))
        found = tf.math.top_k(_vectors(strings) @ tf.transpose(self.corpus), width)
        asked = tf.range(width)[None] < k[:, None]
        return {
            "id": tf.where(asked, tf.gather(tf.constant(ids), found.indices), ""),
            "score": tf.where(asked, found.values, 0.0),
        }

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "text"),
            tf.TensorSpec([None], tf.int32, "k"),
        ]
    )
    def search(self, text, k):
        return self._found(text, k, PICTURE_IDS)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.string, "image_bytes"),
            tf.TensorSpec([None], tf.int32, "k"),
        ]
    )
    def search_texts(self, image_bytes, k):
        return self._found(image_bytes, k, TEXT_IDS)


def save_finder(directory):
    """Writes the first version of the model that searches."""
    finder = Finder()
    signatures = {"search": finder.search, "search_texts": finder.search_texts}
    tf.saved_model.save(finder, str(directory / "1"), signatures=signatures)


class Scaled(tf.Module):
    """The signature `embed_text`: the first bytes of a text times the number of the version."""

    def __init__(self, version):
        super().__init__()
        self.version = tf.Variable(float(version))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def embed_text(self, text):
        return {"embedding": _vectors(text) * self.version}


def save_version(directory, version):
    """Writes one version of the model that comes in several."""
    model = Scaled(version)
    signatures = {"embed_text": model.embed_text}
    tf.saved_model.save(model, str(directory), signatures=signatures)


def scaled_by_hand(version):
    """Returns that version's answers to `TEXTS`."""
    return _bytes([text.encode() for text in TEXTS]) * version


def _bytes(strings):
    padded = [string.ljust(TEXT_DIM, b"\0")[:TEXT_DIM] for string in strings]
    return np.stack([np.frombuffer(string, "u1") for string in padded]).astype("float32") / 256


def found_by_hand(strings, k, ids):
    """`(ids, scores)` of the best `k` for each of some bytes, by a sort."""
    scores = _bytes(strings) @ CORPUS.T
    order = np.argsort(-scores, axis=1)[:, :k]
    return [[ids[i] for i in row] for row in order], np.take_along_axis(scores, order, axis=1)
