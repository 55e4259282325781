"""An image backbone in two parts: its last blocks, and what lies below them."""

from __future__ import annotations

import re

import keras

from tb_keras.encoders.split_model import SplitModel, split_model


def split_backbone(backbone: keras.Model, count: int) -> SplitModel:
    """Splits a backbone before its last blocks.

    Args:
        backbone: of EfficientNet-Lite. A block is an inverted residual; what follows the last one
            belongs to it.
        count: number of blocks in the upper part, fewer than there are.

    Raises:
        ValueError: if the backbone has no such blocks, or `count` is out of range.
    """
    ends: dict[int, str] = {}
    for layer in backbone.layers:  # in the order of the computation
        if found := re.match(r"blocks\.(\d+)\.", layer.name):
            ends[int(found[1])] = layer.name
    if not 1 <= count < max(1, len(ends)):
        raise ValueError(
            "`name` must be of an EfficientNet-Lite, with fewer blocks left out than it has, "
            f"{len(ends)}. Received: {count} blocks left out"
        )
    return split_model(backbone, ends[len(ends) - 1 - count])
