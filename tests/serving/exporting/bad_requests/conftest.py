"""The small exports, opened once for all requests."""

import pytest
import tensorflow as tf

from tests.cases import OnDemand


@pytest.fixture(scope="session")
def models(small_exports):
    """The model's name → its signatures."""
    return OnDemand(lambda name: tf.saved_model.load(str(small_exports[name].version)).signatures)
