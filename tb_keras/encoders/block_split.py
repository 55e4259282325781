"""An encoder in two parts: its last blocks, and what lies below them."""

from __future__ import annotations

import re

import keras

from tb_keras.encoders.flat_model import flat_model
from tb_keras.encoders.split_model import SplitModel, split_model

# The names of EfficientNet-Lite's inverted residuals, and of keras-hub's transformer layers.
_BLOCK = re.compile(r"blocks\.(\d+)\..*|(?:.*_)?encoder_block_(\d+)")


def split_blocks(encoder: keras.Model, count: int) -> SplitModel:
    """Splits an encoder before its last blocks.

    Args:
        encoder: a functional model of EfficientNet-Lite, or with a tower of CLIP, SigLIP or
            MetaCLIP 2. A block is an inverted residual or a transformer layer; what follows the
            last one belongs to it.
        count: number of blocks in the upper part, fewer than there are.

    Raises:
        ValueError: if the encoder has no such blocks, or `count` is out of range.
    """
    flat = flat_model(encoder, encoder.input_shape[1:])
    ends: dict[int, str] = {}
    for layer in flat.layers:  # in the order of the computation
        if found := _BLOCK.fullmatch(layer.name):
            ends[int(found[1] or found[2])] = layer.name
    if not 1 <= count < max(1, len(ends)):
        raise ValueError(
            "`name` must be of an EfficientNet-Lite, CLIP, SigLIP or MetaCLIP 2, with fewer blocks "
            f"left out than it has, {len(ends)}. Received: {count} blocks left out"
        )
    return split_model(flat, ends[len(ends) - 1 - count])
