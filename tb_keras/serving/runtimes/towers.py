"""Encoder and branch as one model, from pixels, tokens or features to embeddings."""

from __future__ import annotations

import keras
from keras import ops

from tb_keras.encoders.image.image_decoding import DecodeImages
from tb_keras.encoders.text.tokenization import TokenizeTexts


def image_tower(decode: DecodeImages, encoder: keras.Model, branch: keras.Model) -> keras.Model:
    """Returns the model from pixels to embeddings.

    Args:
        decode: the encoder's layer from files to pixels.
        encoder: of `tb_keras.encoders.image_encoder`.
        branch: the network's image branch.

    Returns:
        A model from `pixels`, float32 `(n, height, width, 3)`, RGB in [0, 255], to a dict of
        `embedding`, `(n, dim)`.
    """
    pixels = keras.Input(decode.output.shape[1:], name="pixels")
    features = keras.Model(decode.output, encoder.output)(pixels)
    return keras.Model(pixels, {"embedding": branch(features)}, name="image")


def text_tower(tokenize: TokenizeTexts, encoder: keras.Model, branch: keras.Model) -> keras.Model:
    """Returns the model from tokens to embeddings.

    Args:
        tokenize: the encoder's layer from strings to tokens.
        encoder: of `tb_keras.encoders.text_encoder`.
        branch: the network's text branch.

    Returns:
        A model from `input_ids` and `attention_mask`, int64 `(n, tokens)`, to a dict of
        `embedding`, `(n, dim)`. It takes no mask if the encoder does without, as CLIP's.
    """
    outputs = ("token_ids", "segment_ids", "padding_mask")
    of_encoder = keras.tree.pack_sequence_as(dict.fromkeys(outputs), tokenize.output)
    ids, mask = (
        keras.Input((tokenize.length,), dtype="int64", name=name)
        for name in ("input_ids", "attention_mask")
    )
    masked = _is_taken(of_encoder["padding_mask"], encoder)
    ids32 = ops.cast(ids, "int32")
    zeros = ops.zeros_like(ids32)
    mask32 = ops.cast(mask, "int32") if masked else zeros
    tokens = dict(zip(outputs, (ids32, zeros, mask32)))
    features = keras.Model(tokenize.output, encoder.output)(keras.tree.flatten(tokens))
    taken = [ids, mask] if masked else [ids]
    return keras.Model(taken, {"embedding": branch(features)}, name="text")


def _is_taken(tensor: keras.KerasTensor, model: keras.Model) -> bool:
    """Returns whether an operation of a model takes a tensor."""
    nodes = [node for operation in model.operations for node in operation._inbound_nodes]
    return any(tensor is given for node in nodes for given in node.input_tensors)


def feature_tower(view: str, branch: keras.Model) -> keras.Model:
    """Returns a branch as a model from `features` to a dict of `embedding`, `(n, dim)`."""
    features = keras.Input(branch.input_shape[1:], dtype=branch.input.dtype, name="features")
    return keras.Model(features, {"embedding": branch(features)}, name=view)


def score_model(fusion: keras.Model) -> keras.Model:
    """Returns a fusion as a model from pairs of embeddings to a dict of `score`, `(n,)`."""
    given = [
        keras.Input(fusion.input[view].shape[1:], name=f"{view}_embedding")
        for view in ("image", "text")
    ]
    return keras.Model(given, {"score": fusion(dict(zip(("image", "text"), given)))}, name="score")
