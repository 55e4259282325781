"""Tests of the type in which features are held, against the types that they come in."""

import numpy as np
import pytest

from tb_keras.storage.feature_dtype import feature_dtype


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("floats", ["float16", "float32"])
def test_floats_become_those_that_are_asked_for(dtype, floats):
    assert feature_dtype(np.zeros((2, 3), dtype), floats) == floats


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint16", "uint8"])
@pytest.mark.parametrize("floats", ["float16", "float32"])
def test_word_indices_stay_ints(dtype, floats):
    assert feature_dtype(np.zeros((2, 3), dtype), floats) == "int32"
