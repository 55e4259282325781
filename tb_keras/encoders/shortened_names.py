"""Names of encoders without their last blocks."""

from __future__ import annotations

import re

from tb_keras.checks.arguments import check_int

_WITHOUT_LAST = re.compile(r"(?P<name>.+)\[:-(?P<count>\d+)\]")


def without_last_blocks(name: str, count: int) -> str:
    """Returns the name of an encoder without its last blocks.

    Args:
        name: as `image_encoder` or `text_encoder` takes it.
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
        >>> whole_name("efficientnet_lite0[:-2]"), whole_name("minilm")
        (('efficientnet_lite0', 2), ('minilm', 0))
    """
    found = _WITHOUT_LAST.fullmatch(name)
    return (found["name"], int(found["count"])) if found else (name, 0)
