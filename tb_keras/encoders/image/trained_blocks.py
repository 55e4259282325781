"""The last blocks of an image encoder, which are trained with a network."""

from __future__ import annotations

import re

import keras

from tb_keras.checks.arguments import check_int
from tb_keras.encoders.split_model import SplitModel, split_model

_WITHOUT_LAST = re.compile(r"(?P<name>.+)\[:-(?P<count>\d+)\]")


def without_last_blocks(name: str, count: int) -> str:
    """Returns the name of an image encoder without its last blocks.

    Args:
        name: as `image_encoder` takes it.
        count: positive int, number of blocks.

    Examples:
        >>> without_last_blocks("efficientnet_lite0", 2)
        'efficientnet_lite0[:-2]'
    """
    check_int("count", count, least=1)
    return f"{name}[:-{count}]"


def whole_name(name: str) -> tuple[str, int]:
    """Returns the name of the whole encoder, and how many of its last blocks `name` lacks.

    Examples:
        >>> whole_name("efficientnet_lite0[:-2]"), whole_name("efficientnet_lite0")
        (('efficientnet_lite0', 2), ('efficientnet_lite0', 0))
    """
    found = _WITHOUT_LAST.fullmatch(name)
    return (found["name"], int(found["count"])) if found else (name, 0)


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
