"""The text towers of keras-hub's presets, from tokens to features."""

from __future__ import annotations

import keras


def text_tower(backbone: keras.Model, length: int | None = None) -> keras.Model:
    """Returns the text tower of a backbone with two.

    Args:
        backbone: of CLIP, SigLIP or MetaCLIP 2.
        length: tokens of each text, or None for any.

    Returns:
        A model from int32 token ids `(batch, length)` to float32 features `(batch, feature_dim)`,
        those of `get_text_embeddings`.
    """
    token_ids = keras.Input((length,), dtype="int32", name="token_ids")
    features = backbone.get_text_embeddings(token_ids)
    features = keras.layers.Activation("linear", name="features", dtype="float32")(features)
    return keras.Model(token_ids, features)
