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
        `embedding`, `(n, dim)`.
    """
    ids, mask = (
        keras.Input((tokenize.length,), dtype="int64", name=name)
        for name in ("input_ids", "attention_mask")
    )
    ids32, mask32 = (ops.cast(given, "int32") for given in (ids, mask))
    # In the order of the layer's own output.
    tokens = {"token_ids": ids32, "segment_ids": ops.zeros_like(ids32), "padding_mask": mask32}
    features = keras.Model(tokenize.output, encoder.output)(keras.tree.flatten(tokens))
    return keras.Model([ids, mask], {"embedding": branch(features)}, name="text")


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
