"""Names of encoders without their last blocks."""

from __future__ import annotations

import re

from tb_keras.checks.arguments import check_int

ALL_BLOCKS = -1
"""The number that stands for all blocks of an encoder."""

_WITHOUT_LAST = re.compile(r"(?P<name>.+)\[:(?:-(?P<count>\d+)|0)\]")


def without_last_blocks(name: str, count: int) -> str:
    """Returns the name of an encoder without its last blocks.

    Args:
        name: as `image_encoder` or `text_encoder` takes it.
        count: positive int, number of blocks; or `ALL_BLOCKS`.

    Examples:
        >>> without_last_blocks("efficientnet_lite0", 2), without_last_blocks("minilm", ALL_BLOCKS)
        ('efficientnet_lite0[:-2]', 'minilm[:0]')
    """
    if count == ALL_BLOCKS:
        return f"{name}[:0]"
    check_int("count", count, least=1)
    return f"{name}[:-{count}]"


def whole_name(name: str) -> tuple[str, int]:
    """Returns the name of the whole encoder, and how many of its last blocks `name` lacks.

    Examples:
        >>> whole_name("efficientnet_lite0[:-2]"), whole_name("minilm")
        (('efficientnet_lite0', 2), ('minilm', 0))
    """
    found = _WITHOUT_LAST.fullmatch(name)
    return (found["name"], int(found["count"] or ALL_BLOCKS)) if found else (name, 0)
