"""The directory where drawn pictures and encoded features are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """Returns the directory of all that can be made again; it may not exist yet.

    It is `$TB_KERAS_CACHE` if that is set, otherwise `tb_keras` in `$XDG_CACHE_HOME` (`~/.cache`).

    Examples:
        >>> from unittest import mock
        >>> with mock.patch.dict(os.environ, TB_KERAS_CACHE="/data/cache"):
        ...     cache_directory().as_posix()
        '/data/cache'
    """
    own = os.environ.get("TB_KERAS_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tb_keras"
