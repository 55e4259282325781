"""Tests of the map of a view onto directions, against plain NumPy."""

import numpy as np
import pytest

from tb_keras.cca import projection as module
from tb_keras.cca.landmark_kernel import LandmarkKernel
from tb_keras.cca.projection import Projection


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("block", [1, 10, 2**26])
@pytest.mark.parametrize("by_kernel", [False, True])
def test_a_projection_in_blocks(monkeypatch, dtype, block, by_kernel):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(7, 4)).astype(dtype)
    kernel, rows = None, features.astype("float64")
    if by_kernel:
        kernel = LandmarkKernel.of(features, rng.normal(size=4), np.ones(4), gamma=0.5, count=5)
        rows = kernel(features)
    size = rows.shape[1]
    mean, deviation = rng.normal(size=size), rng.uniform(1, 2, size)
    directions = rng.normal(size=(size, 3))
    monkeypatch.setattr(module, "BLOCK_VALUES", block)
    projection = Projection(mean, deviation, directions, kernel)
    found = projection(features)
    assert found.dtype == np.float32
    expected = (rows - mean) / deviation @ directions
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert projection(features[:0]).shape == (0, 3)
    assert projection.mean_square(features) == pytest.approx(np.square(expected).mean(), rel=1e-4)


@pytest.mark.parametrize("dim", [3, 40])
def test_blocks_of_wide_features_have_few_rows(monkeypatch, dim):
    """A kernel of few landmarks takes rows as wide as the features."""
    features = np.random.default_rng(0).normal(size=(50, dim))
    kernel = LandmarkKernel.of(features, np.zeros(dim), np.ones(dim), gamma=0.5, count=2)
    sizes = []
    call = LandmarkKernel.__call__
    monkeypatch.setattr(
        LandmarkKernel, "__call__", lambda self, rows: sizes.append(rows.size) or call(self, rows)
    )
    monkeypatch.setattr(module, "BLOCK_VALUES", 100)
    Projection(np.zeros(2), np.ones(2), np.eye(2), kernel)(features)
    assert max(sizes) <= 100
