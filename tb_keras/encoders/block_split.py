"""An encoder in two parts: its last blocks, and what lies below them."""

from __future__ import annotations

import re

import keras

from tb_keras.encoders.flat_model import flat_model
from tb_keras.encoders.shortened_names import ALL_BLOCKS
from tb_keras.encoders.split_model import SplitModel, split_model

# The names of EfficientNet-Lite's inverted residuals, and of keras-hub's transformer layers.
_BLOCK = re.compile(r"blocks\.(\d+)\..*|(?:.*_)?encoder_block_(\d+)")


def split_blocks(encoder: keras.Model, count: int) -> SplitModel:
    """Splits an encoder before its last blocks.

    Args:
        encoder: a functional model of EfficientNet-Lite, or with a tower of CLIP, SigLIP or
            MetaCLIP 2. A block is an inverted residual or a transformer layer; what follows the
            last one belongs to it.
        count: number of blocks in the upper part, or `ALL_BLOCKS`. What comes before the first
            block, such as the embeddings of tokens, is never in it.

    Raises:
        ValueError: if the encoder has no such blocks, has those of several encoders, or `count` is
            out of range.
    """
    names = [layer.name for layer in encoder._flatten_layers() if _BLOCK.fullmatch(layer.name)]
    if len(set(names)) < len(names):
        raise ValueError("`name` must be of one encoder where blocks are left out. Received: more")
    flat = flat_model(encoder, encoder.input_shape[1:])
    ends: dict[int, str] = {}
    for layer in flat.layers:  # in the order of the computation
        if found := _BLOCK.fullmatch(layer.name):
            if not ends:
                ends[-1] = layer.input._keras_history.operation.name
            ends[int(found[1] or found[2])] = layer.name
    blocks = max(0, len(ends) - 1)
    count = blocks if count == ALL_BLOCKS else count
    if not 1 <= count <= blocks:
        raise ValueError(
            "`name` must be of an EfficientNet-Lite, CLIP, SigLIP or MetaCLIP 2, with no more "
            f"blocks left out than it has, {blocks}. Received: {count} blocks left out"
        )
    return split_model(flat, ends[blocks - 1 - count])
