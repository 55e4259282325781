"""A BERT in two parts: its last layers, and what lies below them."""

from __future__ import annotations

import keras
from keras import ops

from tb_keras.encoders.shortened_names import ALL_BLOCKS
from tb_keras.encoders.text.lean_bert import LeanBert


def lower_rows(backbone: keras.Model, tokens: dict, count: int) -> keras.KerasTensor:
    """Returns what a BERT's last layers take, one row for each text.

    Args:
        backbone: a `keras_hub.models.BertBackbone`.
        tokens: dict of `token_ids` and `padding_mask`, int `(batch, length)`, length static.
        count: number of last layers, or `ALL_BLOCKS`; the vectors of tokens are none of them.

    Returns:
        Float32 `(batch, length * hidden_dim + length)`: vectors, and a mask of 1 where a token is.

    Raises:
        ValueError: if the backbone is no BERT, or `count` is out of range.
    """
    layers = getattr(backbone, "num_layers", 0)
    count = layers if count == ALL_BLOCKS else count
    if type(backbone).__name__ != "BertBackbone" or not 1 <= count <= layers:
        raise ValueError(
            f"`name` must be of a BERT that has the layers left out, of {layers}. "
            f"Received: {type(backbone).__name__}, {count} layers left out"
        )
    vectors = LeanBert(backbone, without_last=count, name=backbone.name)(tokens)
    length, dim = tokens["token_ids"].shape[1], backbone.hidden_dim
    flat = keras.layers.Reshape((length * dim,), dtype="float32")(vectors)
    mask = ops.cast(tokens["padding_mask"], "float32")
    return keras.layers.Concatenate(dtype="float32", name="rows")([flat, mask])


def last_layers(backbone: keras.Model, length: int, count: int) -> keras.Model:
    """Returns a BERT's last layers with the mean of the tokens, a model from `lower_rows`.

    Args:
        backbone: a `keras_hub.models.BertBackbone`.
        length: tokens of each text.
        count: number of layers, or `ALL_BLOCKS`.

    Returns:
        A model from float32 `(batch, length * hidden_dim + length)` to float32
        `(batch, hidden_dim)`, rows of unit length.
    """
    dim = backbone.hidden_dim
    rows = keras.Input((length * dim + length,), name="rows")
    vectors = keras.layers.Reshape((length, dim), name="vectors")(rows[:, : length * dim])
    mask = ops.cast(rows[:, length * dim :], "int32")
    first = 0 if count == ALL_BLOCKS else backbone.num_layers - count
    for layer in backbone.transformer_layers[first:]:
        vectors = layer(vectors, padding_mask=mask)
    mean = keras.layers.GlobalAveragePooling1D(name="mean", dtype="float32")(vectors, mask=mask)
    features = keras.layers.UnitNormalization(name="features", dtype="float32")(mean)
    return keras.Model(rows, features, name="upper")
