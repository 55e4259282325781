"""The signatures of an exported network: what a server can be asked."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from tb_keras.encoders.regions.region_encoder import RegionEncoder
from tb_keras.networks import TwoBranchNetwork
from tb_keras.search.graph_index import GraphIndex
from tb_keras.serving.exporting.request_checks import (
    check_answers,
    check_equally_many,
    check_finite,
    check_regions,
    check_shape,
)
from tb_keras.serving.exporting.request_inputs import (
    RequestInput,
    block_function,
    embedding_input,
    feature_input,
    image_input,
    region_input,
    text_input,
)
from tb_keras.serving.exporting.row_blocks import in_blocks
from tb_keras.serving.exporting.stored_weights import StoredWeights

# What an input must be whose embedding or score overflows although the input is finite.
_SMALL = "small enough for float32"


def signatures(
    network: TwoBranchNetwork,
    image_encoder: keras.Model | None,
    text_encoder: keras.Model | None,
    weights: StoredWeights,
    image_index: GraphIndex | None = None,
    text_index: GraphIndex | None = None,
) -> dict:
    """Returns concrete functions by name; see `tb_keras.serving.export` for what each takes.

    Args:
        network: the network.
        image_encoder: an encoder of images, a `RegionEncoder`, or None.
        text_encoder: an encoder of strings, or None.
        weights: the weights of the network and the encoders, as they are stored.
        image_index: the images that `search` finds; without it there is no `search`.
        text_index: the texts that `search_texts` finds; without it there is no `search_texts`.
    """
    dim = network.image_branch.output_shape[-1]
    embeddings = [embedding_input(f"{view}_embedding", dim) for view in ("image", "text")]
    image_features = feature_input("image_features", network.image_branch, weights)
    text_features = feature_input("text_features", network.text_branch, weights)
    fuse = _fusion(network, dim, weights)
    found = {
        "score_embeddings": _score(fuse, *embeddings),
        "embed_image_features": _embed(image_features, dim, "features"),
        "embed_text_features": _embed(text_features, dim, "features"),
    }
    regions = images = texts = None
    if isinstance(image_encoder, RegionEncoder):
        regions = region_input(image_encoder, network, weights)
    elif image_encoder is not None:
        images = image_input(image_encoder, network, weights)
        found["embed_image"] = _embed(images, dim)
    if text_encoder is not None:
        texts = text_input(text_encoder, network, weights)
        found["embed_text"] = _embed(texts, dim)
    pair = (images, texts) if images and texts else (image_features, text_features)
    default = found["similarity"] = _score(fuse, *pair)
    if regions is not None:
        found["embed_regions"] = _embed_regions(regions, dim)
        default = found["localize"] = _localize(fuse, regions, texts)
    if image_index is not None:
        found["search"] = _search(texts or text_features, dim, image_index)
    if text_index is not None:
        found["search_texts"] = _search(images or image_features, dim, text_index)
    return {**found, "serving_default": default}


def _endpoint(function: Callable, specs: list[tf.TensorSpec]):
    def checked(*inputs):
        return function(*map(check_shape, inputs, specs))

    return tf.function(checked, input_signature=specs, autograph=False).get_concrete_function()


def _embedded(given: RequestInput, rows: tf.Tensor, dim: int, name: str) -> tf.Tensor:
    """Returns the embeddings of a tensor's rows; `name` is what errors call the tensor."""
    embeddings = in_blocks(given.embed, [given.prepare(rows, name)], given.block_rows, (dim,))
    return check_finite(embeddings, name, _SMALL)


def _fusion(network: TwoBranchNetwork, dim: int, weights: StoredWeights) -> Callable:
    """Returns a function from a block's first position and pairs of embeddings to their scores."""
    pair = [tf.TensorSpec((None, dim), tf.float32)] * 2
    return block_function(
        lambda images, texts: network.fusion({"image": images, "text": texts}, training=False),
        pair,
        weights,
    )


def _embed(given: RequestInput, dim: int, name: str | None = None):
    """Builds a signature from an input to its embeddings; `name` renames the input."""
    (spec,) = given.specs
    name = name or spec.name

    def embed(rows):
        return {"embedding": _embedded(given, rows, dim, name)}

    return _endpoint(embed, [tf.TensorSpec(spec.shape, spec.dtype, name=name)])


def _score(fuse: Callable, images: RequestInput, texts: RequestInput):
    """Builds a signature from pairs to their scores."""
    (image_spec,), (text_spec,) = images.specs, texts.specs

    def score(first, image_block, text_block):
        embeddings = images.embed(first, image_block), texts.embed(first, text_block)
        return fuse(first, *embeddings)

    def similarity(image_rows, text_rows):
        names = image_spec.name, text_spec.name
        image_rows, text_rows = check_equally_many(**dict(zip(names, (image_rows, text_rows))))
        rows = [images.prepare(image_rows, names[0]), texts.prepare(text_rows, names[1])]
        scores = in_blocks(score, rows, min(images.block_rows, texts.block_rows))
        return {"score": check_finite(scores, "`, `".join(names), _SMALL)}

    return _endpoint(similarity, [image_spec, text_spec])


def _search(given: RequestInput, dim: int, index: GraphIndex):
    """Builds a signature from queries, each with its k, to the ids and scores of the answers."""
    (spec,) = given.specs

    def search(rows, k):
        rows, k = check_equally_many(**{spec.name: rows, "k": k})
        return index(_embedded(given, rows, dim, spec.name), check_answers(k))

    return _endpoint(search, [spec, tf.TensorSpec((None,), tf.int32, name="k")])


def _embed_regions(regions: RequestInput, dim: int):
    """Builds a signature from pictures and boxes to the embeddings of the regions."""

    def embed_regions(image_bytes, boxes):
        image_bytes, boxes = check_equally_many(image_bytes=image_bytes, boxes=boxes)
        boxes = check_regions(boxes)
        rows = in_blocks(regions.embed, [image_bytes, boxes], regions.block_rows, (dim,))
        shape = tf.concat([tf.shape(boxes)[:2], [dim]], axis=0)
        return {"embedding": check_finite(tf.reshape(rows, shape), "boxes", _SMALL)}

    return _endpoint(embed_regions, regions.specs)


def _localize(fuse: Callable, regions: RequestInput, texts: RequestInput):
    """Builds a signature from pictures, their boxes and a text each to a score for each box."""

    def score(first, image_bytes, boxes, text):
        embeddings = tf.repeat(texts.embed(first, text), tf.shape(boxes)[1], axis=0)
        return fuse(first, regions.embed(first, image_bytes, boxes), embeddings)

    def localize(image_bytes, boxes, text):
        image_bytes, boxes, text = check_equally_many(
            image_bytes=image_bytes, boxes=boxes, text=text
        )
        boxes = check_regions(boxes)
        rows = [image_bytes, boxes, texts.prepare(text, "text")]
        scores = tf.reshape(in_blocks(score, rows, regions.block_rows), tf.shape(boxes)[:2])
        return {"score": check_finite(scores, "boxes", _SMALL)}

    return _endpoint(localize, [*regions.specs, *texts.specs])
