"""Exports with text encoders that were fitted to texts, and with the networks that take them."""

import os
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tb_keras.encoders import text_encoder as text_encoder_of
from tb_keras.encoders.text.fitted_text_encoder import BAGS, fit_text_encoder
from tb_keras.encoders.text.word_encoder import WORD_ENCODERS
from tb_keras.encoders.text.word_vectors import WordVectors
from tb_keras.networks import EmbeddingNetwork, SimilarityNetwork
from tb_keras.serving import export
from tests.serving.small_models import TEXT_DIM as IMAGE_DIM
from tests.serving.small_models import text_encoder as bytes_encoder

NAMES = (*BAGS, "mean_words", "hglmm", *WORD_ENCODERS)
TRAINED = WORD_ENCODERS
CORPUS = ["a dog", "The cat and the dog", "a bus in the rain", "rain, rain, a cat"]
TEXTS = ["A DOG!", "", "unknown", "word " * 300, "🐕 犬 cat", "x\x00rain", b"\xff bus"]
STRINGS = [text if isinstance(text, bytes) else text.encode() for text in TEXTS]


def fitted(name):
    words = "a the dog cat bus rain 犬".split()
    vectors = np.random.default_rng(0).normal(size=(len(words), 5)).astype("float32")
    settings = {} if name in BAGS else {"word_vectors": WordVectors(words, vectors)}
    if name == "hglmm":
        settings |= {"num_centers": 2, "components": 3}
    return fit_text_encoder(name, CORPUS, min_texts=1, units=4, verbose=False, **settings)


def network(dim, word_encoder, kind):
    sizes = {"hidden_dim": 24, "embedding_dim": 16}
    if kind is SimilarityNetwork:
        sizes["joint_dims"] = (6,)
    made = kind(IMAGE_DIM, dim, **sizes, text_encoder=word_encoder)
    rng = np.random.default_rng(0)
    for weight in made.weights:
        if weight.name in ("moving_mean", "moving_variance"):
            weight.assign(rng.uniform(0.1, 0.5, weight.shape))
    return made


class FittedExport(NamedTuple):
    """The encoder's and the network's answers to `STRINGS`, and the version that was written."""

    features: np.ndarray
    embeddings: np.ndarray
    version: object


def export_fitted(name, directory):
    """Exports a network with the encoder of that name; pictures are encoded by their bytes."""
    encoder, word_encoder = fitted(name)
    kind = SimilarityNetwork if name == "lstm" else EmbeddingNetwork
    made = network(encoder.output_shape[1], word_encoder, kind)
    features = encoder.predict(tf.constant(STRINGS), verbose=0)
    file = str(directory / f"{name}.keras")
    encoder.save(file)
    version = export(made, directory / name, bytes_encoder(), text_encoder_of(file))
    os.remove(file)
    return FittedExport(features, made.embed_texts(features), version)
