"""Images and texts as requests bring them, and what embeds a block of them."""

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
_PICTURES, _PICTURES_WITH_REGIONS, _TEXTS, _VECTORS = 16, 1, 64, 4096


class View(NamedTuple):
    """One side of pairs.

    Attributes:
        specs: of its inputs, `(n, ...)` each.
        checked: an input and its name → what is to be embedded; it fails where that cannot be.
        embed: the position of a block's first row, int32, and a block of each input → float32
            `(any, dim)`; traced once for all signatures.
        block: rows at a time.
    """

    specs: list[tf.TensorSpec]
    checked: Callable
    embed: Callable
    block: int


def embedding_view(name: str, dim: int) -> View:
    """Of embeddings, which need no embedding."""
    specs = [tf.TensorSpec((None, dim), tf.float32, name=name)]
    return View(specs, check_finite, lambda first, rows: rows, _VECTORS)


def feature_view(name: str, branch: keras.Model, weights: StoredWeights) -> View:
    """Of features, or word indices, as a branch takes them."""
    spec = tf.TensorSpec((None, branch.input_shape[-1]), branch.input.dtype, name=name)
    checked = check_finite if spec.dtype.is_floating else check_indices
    embed = block_function(lambda rows: branch(rows, training=False), [spec], weights)
    return View([spec], checked, embed, _VECTORS)


def text_view(text_encoder: keras.Model, network: TwoBranchNetwork, weights: StoredWeights) -> View:
    """Of strings."""
    specs = [strings("text")]
    embed = _encode_and_embed(text_encoder, network.text_branch)
    return View(specs, _cleaned, block_function(embed, specs, weights), _TEXTS)


def picture_view(
    image_encoder: keras.Model, network: TwoBranchNetwork, weights: StoredWeights
) -> View:
    """Of picture files; the encoder refuses what is none."""
    specs = [strings("image_bytes")]
    embed = _encode_and_embed(image_encoder, network.image_branch)
    return View(specs, _as_it_is, block_function(embed, specs, weights), _PICTURES)


def region_view(
    region_encoder: RegionEncoder, network: TwoBranchNetwork, weights: StoredWeights
) -> View:
    """Of picture files and boxes; gives a row for each region."""
    specs = [strings("image_bytes"), tf.TensorSpec((None, None, 4), tf.float32, name="boxes")]

    def embed(image_bytes, boxes):
        features = region_encoder({"image_bytes": image_bytes, "boxes": boxes}, training=False)
        rows = tf.reshape(features, (-1, region_encoder.feature_dim))
        return network.image_branch(rows, training=False)

    return View(specs, _as_it_is, block_function(embed, specs, weights), _PICTURES_WITH_REGIONS)


def block_function(
    function: Callable, specs: Sequence[tf.TensorSpec], weights: StoredWeights
) -> Callable:
    """Returns a function of a block's first position and its rows, traced once.

    Args:
        function: of the rows alone.
        specs: of the rows.
        weights: that it computes with.
    """

    def of_block(first, *rows):
        with weights.used(), positions_from(first):
            return function(*rows)

    first = tf.TensorSpec((), tf.int32)
    return tf.function(of_block, input_signature=[first, *specs], autograph=False)


def strings(name: str) -> tf.TensorSpec:
    """The specification of string `(n,)`."""
    return tf.TensorSpec((None,), tf.string, name=name)


def _encode_and_embed(encoder: keras.Model, branch: keras.Model) -> Callable:
    return lambda rows: branch(encoder(rows, training=False), training=False)


def _as_it_is(rows: tf.Tensor, name: str) -> tf.Tensor:
    return rows


def _cleaned(texts: tf.Tensor, name: str) -> tf.Tensor:
    return clean_texts(texts)
