"""Tests of the principal components, against the singular value decomposition of all rows."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from tb_keras.encoders.fisher import principal_components as module
from tb_keras.encoders.fisher.principal_components import (
    principal_components,
    randomly_rotated,
)
from tb_keras.encoders.fisher.principal_projection import PrincipalProjection


def some_rows(num_rows, dim=30, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((dim, dim)) * 0.8 ** np.arange(dim)[:, None]
    return (rng.standard_normal((num_rows, dim)) @ mixing + offset).astype(np.float32)


def in_blocks(rows, size):
    return (rows[start : start + size] for start in range(0, len(rows), size))


def same_but_for_signs(found, expected, atol):
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=atol)


@pytest.mark.parametrize(
    ("num_rows", "block", "offset"),
    [(12, 7, 0.0), (30, 1, 100.0), (31, 1, 0.0), (31, 1000, 100.0), (500, 7, 100.0)],
)
def test_they_are_scikit_learns(num_rows, block, offset):
    rows = some_rows(num_rows, offset=offset)
    found = principal_components(in_blocks(rows, block), 6, verbose=False)
    expected = PCA(6, svd_solver="full").fit(rows.astype(np.float64))
    np.testing.assert_allclose(found.mean, rows.mean(axis=0, dtype=np.float64), atol=1e-4)
    np.testing.assert_allclose(
        found.variances * num_rows / (num_rows - 1), expected.explained_variance_, rtol=1e-3
    )
    same_but_for_signs(found.directions, expected.components_.T, atol=2e-3)
    np.testing.assert_allclose(found.directions.T @ found.directions, np.eye(6), atol=1e-4)
    projected = PrincipalProjection.of(found)(rows).numpy()
    same_but_for_signs(projected, expected.transform(rows), atol=5e-2)


@pytest.mark.parametrize("num_rows", [80, 400])
def test_the_randomized_solver_loses_little_variance(num_rows, monkeypatch):
    monkeypatch.setattr(module, "_EXACT", 10)
    monkeypatch.setattr(module, "_OVERSAMPLING", 5)
    rows = some_rows(num_rows, dim=100)
    found = principal_components([rows], 20, verbose=False)
    exact = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[:20] ** 2 / num_rows
    np.testing.assert_allclose(found.variances.sum(), exact.sum(), rtol=1e-4)
    np.testing.assert_allclose(found.variances[:10], exact[:10], rtol=1e-3)
    np.testing.assert_allclose(found.directions.T @ found.directions, np.eye(20), atol=1e-3)


def test_blocks_make_no_difference(monkeypatch):
    expected = principal_components([some_rows(50)], 5, verbose=False)
    monkeypatch.setattr(module, "_BLOCK_ROWS", 7)
    found = principal_components([some_rows(50)], 5, verbose=False)
    same_but_for_signs(found.directions, expected.directions, atol=1e-4)


def test_rows_are_not_kept_once_they_outnumber_the_dimensions():
    gathered = module._Gathered()
    for block in in_blocks(some_rows(100), 10):
        gathered.add(block)
        assert sum(map(len, gathered.rows)) <= 30
    assert gathered.products.shape == (30, 30)


@pytest.mark.parametrize("num_rows", [4, 60])
def test_no_more_components_than_the_rows_span(num_rows, capsys):
    rows = some_rows(num_rows)
    rows[:, 3:] = 1.0
    found = principal_components([rows], 20)
    assert found.directions.shape == (30, 3)
    assert np.isfinite(found.directions).all()
    assert "3 components instead of 20" in capsys.readouterr().out


def test_equal_rows_have_no_nan(capsys):
    found = principal_components([np.ones((5, 3), np.float32)], 2)
    assert np.isfinite(found.directions).all()


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`num_components`"):
        principal_components([some_rows(5)], 0)
    with pytest.raises(ValueError, match=r"two rows or more\. Received: 1"):
        principal_components([some_rows(1)], 2)
    with pytest.raises(ValueError, match=r"two rows or more\. Received: 0"):
        principal_components([], 2)


@pytest.fixture(scope="module")
def many_rows():
    rng = np.random.default_rng(1)
    spread = np.arange(1, 41) ** -1.0
    return (rng.standard_normal((500, 40)) * spread).astype(np.float32)


def test_distances_stay_and_variances_become_alike(many_rows):
    found = principal_components([many_rows], 30, verbose=False)
    turned = randomly_rotated(found, seed=3)
    before, after = ((many_rows - c.mean) @ c.directions for c in (found, turned))
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-4)
    assert before.var(axis=0).max() / before.var(axis=0).min() > 100
    assert after.var(axis=0).max() / after.var(axis=0).min() < 30
    assert np.ptp(np.log(after.var(axis=0))) < np.ptp(np.log(before.var(axis=0))) / 1.5


def test_the_directions_are_orthonormal_and_the_seeds(many_rows):
    found = principal_components([many_rows], 30, verbose=False)
    turned = randomly_rotated(found, seed=3)
    np.testing.assert_allclose(turned.directions.T @ turned.directions, np.eye(30), atol=1e-5)
    np.testing.assert_array_equal(turned.directions, randomly_rotated(found, seed=3).directions)
    assert not np.allclose(turned.directions, randomly_rotated(found, seed=4).directions)
