"""Finding the data files of an installed package without running its code."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def package_directory(module: str, package: str) -> Path:
    """Returns the directory that a package's files were installed to.

    The package is not imported: that may be slow, and the data packages used here do not all
    import on every Python version that can read their files.

    Args:
        module: the package's top-level module, such as "em".
        package: the name to install it by, such as "em-keyboard".

    Raises:
        ModuleNotFoundError: if it is not installed; the message says how to install it.

    Examples:
        >>> package_directory("keras", "keras").name
        'keras'
        >>> package_directory("no_such_data", "no-such-data")
        Traceback (most recent call last):
        ModuleNotFoundError: This data set needs the package no-such-data: pip install no-such-data
    """
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(
            f"This data set needs the package {package}: pip install {package}", name=module
        )
    return Path(spec.submodule_search_locations[0])
