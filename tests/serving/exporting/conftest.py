"""Exports that several files of tests ask, made once."""

import functools

import pytest

from tests.serving.exporting.fitted_exports import export_fitted
from tests.serving.exporting.small_exports import export_small


@pytest.fixture(scope="session")
def small_exports(tmp_path_factory):
    """A `SmallExport` of each kind."""
    return export_small(tmp_path_factory.mktemp("small_exports"))


@pytest.fixture(scope="session")
def fitted_export(tmp_path_factory):
    """The name of a text encoder → its `FittedExport`."""
    directory = tmp_path_factory.mktemp("fitted_exports")
    return functools.cache(lambda name: export_fitted(name, directory))
