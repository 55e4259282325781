"""Tests of the random rotation: distances stay, variances become alike."""

import numpy as np
import pytest

from tb_keras.encoders.fisher.principal_components import principal_components
from tb_keras.encoders.fisher.random_rotation import randomly_rotated


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(1)
    spread = np.arange(1, 41) ** -1.0
    return (rng.standard_normal((500, 40)) * spread).astype(np.float32)


def test_distances_stay_and_variances_become_alike(rows):
    found = principal_components([rows], 30, verbose=False)
    turned = randomly_rotated(found, seed=3)
    before, after = ((rows - c.mean) @ c.directions for c in (found, turned))
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-4)
    assert before.var(axis=0).max() / before.var(axis=0).min() > 100
    assert after.var(axis=0).max() / after.var(axis=0).min() < 30
    assert np.ptp(np.log(after.var(axis=0))) < np.ptp(np.log(before.var(axis=0))) / 1.5


def test_the_directions_are_orthonormal_and_the_seeds(rows):
    found = principal_components([rows], 30, verbose=False)
    turned = randomly_rotated(found, seed=3)
    np.testing.assert_allclose(turned.directions.T @ turned.directions, np.eye(30), atol=1e-5)
    np.testing.assert_array_equal(turned.directions, randomly_rotated(found, seed=3).directions)
    assert not np.allclose(turned.directions, randomly_rotated(found, seed=4).directions)
