"""The data files of installed packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def package_directory(module: str, package: str) -> Path:
    """Returns the directory of an installed package, without importing it.

    Importing may be slow, and some data packages do not import on every version of Python.

    Args:
        module: the top-level module of the package, such as "em".
        package: the name that pip installs it by, such as "em-keyboard".

    Raises:
        ModuleNotFoundError: if the package is not installed. The message says how to install it.

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
