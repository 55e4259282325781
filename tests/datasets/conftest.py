"""What the tests of the OpenMoji pictures and of the scenes made of them share."""

import pytest


@pytest.fixture(scope="session")
def openmoji_cache(tmp_path_factory):
    """Returns a cache directory of this session: each picture is drawn into it once."""
    return tmp_path_factory.mktemp("cache")
