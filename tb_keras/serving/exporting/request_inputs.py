"""The inputs that requests bring, images or texts in one form or another, and how each is embedded.

A signature is put together from one or two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from tb_keras.checks.rows import positions_from
from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.networks import TwoBranchNetwork
from tb_keras.serving.exporting.request_checks import check_finite, check_indices
from tb_keras.serving.exporting.stored_weights import StoredWeights
from tb_keras.serving.exporting.text_cleaning import clean_texts

# Rows that go through a network at a time, however many a request brings.
_IMAGES, _IMAGES_WITH_REGIONS, _TEXTS, _VECTORS = 16, 1, 64, 4096


class RequestInput(NamedTuple):
    """Images or texts as a request brings them.

    Attributes:
        specs: the tensors that hold them, `(n, ...)` each.
        prepare: takes a tensor and its name; returns what `embed` takes, or fails inside the graph.
        embed: takes the position of a block's first row, int32, and a block of each tensor;
            returns float32 `(any, dim)`. It is traced once for all signatures.
        block_rows: how many rows `embed` takes at a time.
    """

    specs: list[tf.TensorSpec]
    prepare: Callable
    embed: Callable
    block_rows: int


def embedding_input(name: str, dim: int) -> RequestInput:
    """Takes embeddings, which stay as they are."""
    specs = [tf.TensorSpec((None, dim), tf.float32, name=name)]
    return RequestInput(specs, check_finite, lambda first, rows: rows, _VECTORS)


def feature_input(name: str, branch: keras.Model, weights: StoredWeights) -> RequestInput:
    """Takes what a branch takes: features, or word indices."""
    spec = tf.TensorSpec((None, branch.input_shape[-1]), branch.input.dtype, name=name)
    check = check_finite if spec.dtype.is_floating else check_indices
    embed = block_function(lambda rows: branch(rows, training=False), [spec], weights)
    return RequestInput([spec], check, embed, _VECTORS)


def text_input(
    text_encoder: keras.Model, network: TwoBranchNetwork, weights: StoredWeights
) -> RequestInput:
    """Takes strings."""
    specs = [_strings("text")]
    embed = block_function(_encode_and_embed(text_encoder, network.text_branch), specs, weights)
    return RequestInput(specs, lambda texts, name: clean_texts(texts), embed, _TEXTS)


def image_input(
    image_encoder: keras.Model, network: TwoBranchNetwork, weights: StoredWeights
) -> RequestInput:
    """Takes image files; the encoder refuses anything else."""
    specs = [_strings("image_bytes")]
    embed = block_function(_encode_and_embed(image_encoder, network.image_branch), specs, weights)
    return RequestInput(specs, _unchanged, embed, _IMAGES)


def region_input(
    region_encoder: RegionEncoder, network: TwoBranchNetwork, weights: StoredWeights
) -> RequestInput:
    """Takes picture files with boxes; gives one embedding for each region."""
    specs = [_strings("image_bytes"), tf.TensorSpec((None, None, 4), tf.float32, name="boxes")]

    def embed(image_bytes, boxes):
        features = region_encoder({"image_bytes": image_bytes, "boxes": boxes}, training=False)
        rows = tf.reshape(features, (-1, region_encoder.feature_dim))
        return network.image_branch(rows, training=False)

    embed = block_function(embed, specs, weights)
    return RequestInput(specs, _unchanged, embed, _IMAGES_WITH_REGIONS)


def block_function(
    function: Callable, specs: Sequence[tf.TensorSpec], weights: StoredWeights
) -> Callable:
    """Returns a function of a block's first position and its rows, traced once.

    Args:
        function: takes the rows alone.
        specs: the specifications of the rows.
        weights: the weights that it computes with.
    """

    def of_block(first, *rows):
        with weights.used(), positions_from(first):
            return function(*rows)

    first = tf.TensorSpec((), tf.int32)
    return tf.function(of_block, input_signature=[first, *specs], autograph=False)


def _strings(name: str) -> tf.TensorSpec:
    return tf.TensorSpec((None,), tf.string, name=name)


def _encode_and_embed(encoder: keras.Model, branch: keras.Model) -> Callable:
    return lambda rows: branch(encoder(rows, training=False), training=False)


def _unchanged(rows: tf.Tensor, name: str) -> tf.Tensor:
    return rows
