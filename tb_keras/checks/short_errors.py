"""Errors that stay short, whatever the files hold that they are about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_LONGEST = 440  # characters of a message


@contextmanager
def short_errors() -> Iterator[None]:
    """Cuts the middle out of the message of a long ValueError or OSError.

    Examples:
        >>> try:
        ...     with short_errors():
        ...         raise ValueError(f"pairs.csv: {'x' * 1000!r} is no column")
        ... except ValueError as error:
        ...     len(str(error)), str(error)[:20], str(error)[-20:]
        (445, "pairs.csv: 'xxxxxxxx", "xxxxxx' is no column")
    """
    try:
        yield
    except (ValueError, OSError) as error:
        said = str(error)
        if len(said) <= _LONGEST:
            raise
        short = f"{said[: _LONGEST // 2]} ... {said[-_LONGEST // 2 :]}"
        kind = type(error) if isinstance(error, OSError) else ValueError
        raise kind(short) from None
