"""The small exports, opened once for all requests."""

import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def models(small_exports):
    """The signatures of each model."""
    return {
        name: tf.saved_model.load(str(made.version)).signatures
        for name, made in small_exports.items()
    }
