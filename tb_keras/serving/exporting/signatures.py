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
    View,
    block_function,
    embedding_view,
    feature_view,
    picture_view,
    region_view,
    text_view,
)
from tb_keras.serving.exporting.row_blocks import in_blocks
from tb_keras.serving.exporting.stored_weights import StoredWeights


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
        image_encoder: of pictures, or a `RegionEncoder`, or None.
        text_encoder: of strings, or None.
        weights: of all these, as they are stored.
        image_index: what `search` finds, if anything.
        text_index: what `search_texts` finds, if anything.
    """
    dim = network.image_branch.output_shape[-1]
    embeddings = [embedding_view(f"{view}_embedding", dim) for view in ("image", "text")]
    images = feature_view("image_features", network.image_branch, weights)
    texts = feature_view("text_features", network.text_branch, weights)
    fuse = _fusion(network, dim, weights)
    asked = {
        "score_embeddings": _score(fuse, *embeddings),
        "embed_image_features": _embed(images, dim, "features"),
        "embed_text_features": _embed(texts, dim, "features"),
    }
    regions = pictures = strings = None
    if isinstance(image_encoder, RegionEncoder):
        regions = region_view(image_encoder, network, weights)
    elif image_encoder is not None:
        pictures = picture_view(image_encoder, network, weights)
        asked["embed_image"] = _embed(pictures, dim)
    if text_encoder is not None:
        strings = text_view(text_encoder, network, weights)
        asked["embed_text"] = _embed(strings, dim)
    pair = (pictures, strings) if pictures and strings else (images, texts)
    default = asked["similarity"] = _score(fuse, *pair)
    if regions is not None:
        asked["embed_regions"] = _embed_regions(regions, dim)
        default = asked["localize"] = _localize(fuse, regions, strings)
    if image_index is not None:
        asked["search"] = _search(strings or texts, dim, image_index)
    if text_index is not None:
        asked["search_texts"] = _search(pictures or images, dim, text_index)
    return {**asked, "serving_default": default}


_SMALL = "small enough for float32"  # or finite numbers would have answers that are none


def _endpoint(function: Callable, specs: list[tf.TensorSpec]):
    def checked(*inputs):
        return function(*map(check_shape, inputs, specs))

    return tf.function(checked, input_signature=specs, autograph=False).get_concrete_function()


def _embedded(view: View, rows: tf.Tensor, dim: int, name: str) -> tf.Tensor:
    """Rows of one side of pairs, of an input of that name → their embeddings."""
    embeddings = in_blocks(view.embed, [view.checked(rows, name)], view.block, (dim,))
    return check_finite(embeddings, name, _SMALL)


def _fusion(network: TwoBranchNetwork, dim: int, weights: StoredWeights) -> Callable:
    """As the `embed` of a view: pairs of embeddings → their scores."""
    pair = [tf.TensorSpec((None, dim), tf.float32)] * 2
    return block_function(
        lambda images, texts: network.fusion({"image": images, "text": texts}, training=False),
        pair,
        weights,
    )


def _embed(view: View, dim: int, name: str | None = None):
    """One side of pairs → their embeddings; `name` is the input's, if it is another."""
    (spec,) = view.specs
    name = name or spec.name

    def embed(rows):
        return {"embedding": _embedded(view, rows, dim, name)}

    return _endpoint(embed, [tf.TensorSpec(spec.shape, spec.dtype, name=name)])


def _score(fuse: Callable, images: View, texts: View):
    """Pairs → their scores."""
    (image_spec,), (text_spec,) = images.specs, texts.specs

    def score(first, image_block, text_block):
        embeddings = images.embed(first, image_block), texts.embed(first, text_block)
        return fuse(first, *embeddings)

    def similarity(image_rows, text_rows):
        names = image_spec.name, text_spec.name
        image_rows, text_rows = check_equally_many(**dict(zip(names, (image_rows, text_rows))))
        rows = [images.checked(image_rows, names[0]), texts.checked(text_rows, names[1])]
        scores = in_blocks(score, rows, min(images.block, texts.block))
        return {"score": check_finite(scores, "`, `".join(names), _SMALL)}

    return _endpoint(similarity, [image_spec, text_spec])


def _search(view: View, dim: int, index: GraphIndex):
    """Queries, each with its number of answers → ids and scores of the answers."""
    (spec,) = view.specs

    def search(rows, k):
        rows, k = check_equally_many(**{spec.name: rows, "k": k})
        return index(_embedded(view, rows, dim, spec.name), check_answers(k))

    return _endpoint(search, [spec, tf.TensorSpec((None,), tf.int32, name="k")])


def _embed_regions(regions: View, dim: int):
    """Pictures and boxes → the embeddings of regions."""

    def embed_regions(image_bytes, boxes):
        image_bytes, boxes = check_equally_many(image_bytes=image_bytes, boxes=boxes)
        boxes = check_regions(boxes)
        rows = in_blocks(regions.embed, [image_bytes, boxes], regions.block, (dim,))
        shape = tf.concat([tf.shape(boxes)[:2], [dim]], axis=0)
        return {"embedding": check_finite(tf.reshape(rows, shape), "boxes", _SMALL)}

    return _endpoint(embed_regions, regions.specs)


def _localize(fuse: Callable, regions: View, texts: View):
    """Pictures, boxes and a text each → how well it fits each region."""

    def score(first, image_bytes, boxes, text):
        embeddings = tf.repeat(texts.embed(first, text), tf.shape(boxes)[1], axis=0)
        return fuse(first, regions.embed(first, image_bytes, boxes), embeddings)

    def localize(image_bytes, boxes, text):
        image_bytes, boxes, text = check_equally_many(
            image_bytes=image_bytes, boxes=boxes, text=text
        )
        boxes = check_regions(boxes)
        rows = [image_bytes, boxes, texts.checked(text, "text")]
        scores = tf.reshape(in_blocks(score, rows, regions.block), tf.shape(boxes)[:2])
        return {"score": check_finite(scores, "boxes", _SMALL)}

    return _endpoint(localize, [*regions.specs, *texts.specs])
