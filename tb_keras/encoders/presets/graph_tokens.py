"""The tokens of keras-hub's tokenizers, computed by the graph alone where that can be done."""

from __future__ import annotations

from typing import Any

import keras

from tb_keras.encoders.presets.byte_pairs import BytePairs
from tb_keras.encoders.presets.preset_backbone import is_of_kind


class Untracked:
    """A tokenizer whose own tables TensorFlow does not see, and so does not save.

    Args:
        tokenizer: one of which `needs_no_tables` holds.
    """

    def __init__(self, tokenizer: keras.layers.Layer):
        self.tokenizer = tokenizer

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)


def needs_no_tables(tokenizer: object) -> bool:
    """Returns whether `graph_tokens` does without the tables that a tokenizer holds."""
    return is_of_kind(tokenizer, {"CLIPTokenizer"}) or hasattr(tokenizer, "_set_proto_tf")


def graph_tokens(tokenizer: Any, texts, max_tokens: int):
    """Returns the tokens of strings, ragged int32 `(batch, tokens)`, in a graph that is traced.

    Args:
        tokenizer: a `keras_hub` tokenizer, an `Untracked` one, or a function like them.
        texts: string `(batch,)`.
        max_tokens: how many tokens of each text must be right.
    """
    if isinstance(tokenizer, Untracked):
        tokenizer = tokenizer.tokenizer
    if is_of_kind(tokenizer, {"CLIPTokenizer"}):
        return BytePairs(tokenizer, max_tokens)(texts)
    if not needs_no_tables(tokenizer):
        return tokenizer(texts)
    # keras-hub's SentencePiece model lies outside the graph, in TensorFlow's cache of kernels, and
    # is gone as soon as anyone sets a seed, which empties the cache. This one is of the graph.
    tokenizer._set_proto_tf(tokenizer.proto)
    try:
        return tokenizer(texts)
    finally:
        tokenizer._sentence_piece = None  # made anew where it is asked for outside
