"""The signatures of an exported network: what a server can be asked."""

from __future__ import annotations

import keras

from tb_keras.encoders.region_encoder import RegionEncoder
from tb_keras.networks import TwoBranchNetwork


def signatures(
    network: TwoBranchNetwork,
    image_encoder: keras.Model | None,
    text_encoder: keras.Model | None,
) -> dict:
    """Returns concrete functions by name; see `tb_keras.serving.export` for what each takes.

    Args:
        network: the network.
        image_encoder: of pictures, or a `RegionEncoder`, or None.
        text_encoder: of strings, or None.
    """
    endpoints = _of_features(network)
    if isinstance(image_encoder, RegionEncoder):
        endpoints |= _of_regions(network, image_encoder, text_encoder)
    else:
        endpoints |= _of_raw(network, image_encoder, text_encoder)
    import tensorflow as tf

    return {
        name: tf.function(function, input_signature=signature).get_concrete_function()
        for name, (function, signature) in endpoints.items()
    }


def _of_features(network: TwoBranchNetwork) -> dict:
    def embed_image_features(features):
        return {"embedding": network.image_branch(features, training=False)}

    def embed_text_features(features):
        return {"embedding": network.text_branch(features, training=False)}

    def score_embeddings(image_embedding, text_embedding):
        return {"score": _scores(network, image_embedding, text_embedding)}

    def similarity(image_features, text_features):
        images, texts = embed_image_features(image_features), embed_text_features(text_features)
        return score_embeddings(images["embedding"], texts["embedding"])

    image_branch, text_branch = network.image_branch, network.text_branch
    embedding_dim = image_branch.output_shape[-1]
    of_features = (
        similarity,
        [_features("image_features", image_branch), _features("text_features", text_branch)],
    )
    return {
        "embed_image_features": (embed_image_features, [_features("features", image_branch)]),
        "embed_text_features": (embed_text_features, [_features("features", text_branch)]),
        "score_embeddings": (
            score_embeddings,
            [_vectors(f"{view}_embedding", embedding_dim) for view in ("image", "text")],
        ),
        "similarity": of_features,
        "serving_default": of_features,
    }


def _of_raw(network, image_encoder, text_encoder) -> dict:
    """What is asked with pictures, with texts, and with both, as far as there are encoders."""

    def embed_image(image_bytes):
        features = image_encoder(image_bytes, training=False)
        return {"embedding": network.image_branch(features, training=False)}

    def similarity(image_bytes, text):
        images, texts = embed_image(image_bytes), _embed_text(network, text_encoder)(text)
        return {"score": _scores(network, images["embedding"], texts["embedding"])}

    endpoints = {}
    if image_encoder is not None:
        endpoints["embed_image"] = embed_image, [_strings("image_bytes")]
    if text_encoder is not None:
        endpoints["embed_text"] = _embed_text(network, text_encoder), [_strings("text")]
    if len(endpoints) == 2:
        of_pairs = (similarity, [_strings("image_bytes"), _strings("text")])
        endpoints |= {"similarity": of_pairs, "serving_default": of_pairs}
    return endpoints


def _of_regions(network, region_encoder, text_encoder) -> dict:
    import tensorflow as tf

    def embed_regions(image_bytes, boxes):
        features = region_encoder({"image_bytes": image_bytes, "boxes": boxes}, training=False)
        rows = tf.reshape(features, (-1, features.shape[-1]))
        embedding = network.image_branch(rows, training=False)
        shape = tf.concat([tf.shape(features)[:2], tf.shape(embedding)[1:]], axis=0)
        return {"embedding": tf.reshape(embedding, shape)}

    def localize(image_bytes, boxes, text):
        regions = embed_regions(image_bytes, boxes)["embedding"]
        phrases = _embed_text(network, text_encoder)(text)["embedding"]
        phrases = tf.broadcast_to(phrases[:, None], tf.shape(regions))
        dim = network.image_branch.output_shape[-1]
        scores = _scores(network, tf.reshape(regions, (-1, dim)), tf.reshape(phrases, (-1, dim)))
        return {"score": tf.reshape(scores, tf.shape(regions)[:2])}

    boxes = tf.TensorSpec((None, None, 4), tf.float32, name="boxes")
    localizing = (localize, [_strings("image_bytes"), boxes, _strings("text")])
    return {
        "embed_regions": (embed_regions, [_strings("image_bytes"), boxes]),
        "embed_text": (_embed_text(network, text_encoder), [_strings("text")]),
        "localize": localizing,
        "serving_default": localizing,
    }


def _embed_text(network, text_encoder):
    def embed_text(text):
        features = text_encoder(text, training=False)
        return {"embedding": network.text_branch(features, training=False)}

    return embed_text


def _scores(network, images, texts):
    return network.fusion({"image": images, "text": texts}, training=False)


def _features(name: str, branch: keras.Model):
    import tensorflow as tf

    return tf.TensorSpec((None, branch.input_shape[-1]), branch.input.dtype, name=name)


def _vectors(name: str, size: int):
    import tensorflow as tf

    return tf.TensorSpec((None, size), tf.float32, name=name)


def _strings(name: str):
    import tensorflow as tf

    return tf.TensorSpec((None,), tf.string, name=name)
