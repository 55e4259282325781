"""What every test needs: the backend, before Keras is imported; a seed; hypothesis settings."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import hypothesis
import pytest

# The first call of a TensorFlow function traces it, so no example may be held to a deadline.
hypothesis.settings.register_profile("tb_keras", deadline=None, derandomize=True)
hypothesis.settings.load_profile("tb_keras")


@pytest.fixture(autouse=True)
def fixed_random_seed():
    """Seeds Python, NumPy and TensorFlow, so that a test that fails once fails again."""
    import keras

    keras.utils.set_random_seed(0)
