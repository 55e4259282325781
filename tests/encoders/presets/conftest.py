"""Random presets, made once."""

import pytest

from tests.cases import OnDemand
from tests.encoders.presets.random_presets import write_preset


@pytest.fixture(scope="session")
def presets(tmp_path_factory):
    """A family → the name of a preset, its backbone and its preprocessor."""
    pytest.importorskip("keras_hub")

    def made(family):
        directory = tmp_path_factory.mktemp("presets") / family
        return (f"keras_hub/{directory}", *write_preset(family, directory))

    return OnDemand(made)
