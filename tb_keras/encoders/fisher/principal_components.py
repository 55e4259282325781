"""Principal components of many rows of many dimensions, which come in blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from tb_keras.checks.arguments import check_int

_EXACT = 4096  # a matrix up to this size is decomposed as a whole
_BLOCK_ROWS = 1024  # rows of a product made at a time
_OVERSAMPLING = 64


class Components(NamedTuple):
    """The principal components of some rows.

    Attributes:
        mean: float32 `(dim,)`.
        directions: float32 `(dim, components)`, orthonormal columns. `principal_components` puts
            the greatest variance first.
        variances: float64 `(components,)`, the rows' variances along them (divided by n).
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray


def principal_components(
    blocks: Iterable[np.ndarray], num_components: int, *, seed: int = 0, verbose: bool = True
) -> Components:
    """Fits principal components to rows that come in blocks.

    Each block is seen once. The rows are kept while there are no more of them than dimensions;
    then only their covariance is. So it takes min(n, dim) · dim float32 of memory, at most dim²
    (1.3 GB for 18,000 dimensions), and a few times that in the decomposition. scikit-learn's `PCA`
    would hold all rows twice, and its `IncrementalPCA` decomposes components + rows with each
    block.

    A matrix of up to 4096 rows or dimensions is decomposed exactly, a larger one by scikit-learn's
    randomized solver, which misses little variance, and that in the last components.

    Args:
        blocks: float arrays `(rows, dim)`.
        num_components: greatest number of components. There are fewer where the rows span fewer,
            with a message.
        seed: seed of the randomized solver.
        verbose: whether to print the message.

    Raises:
        ValueError: `num_components` is not positive, or there are fewer than two rows.
        ImportError: scikit-learn is not installed.

    Reference:
        Halko, Martinsson and Tropp, *Finding Structure with Randomness*, SIAM Review 53(2), 2011,
        for the randomized solver.

    Examples:
        >>> rows = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]])
        >>> mean, directions, variances = principal_components([rows], 2, verbose=False)
        >>> mean, np.abs(directions).round(3).ravel(), variances.round(3)
        (array([3., 4.], dtype=float32), array([0.6, 0.8], dtype=float32), array([16.667]))
    """
    check_int("num_components", num_components, least=1)
    gathered = _Gathered()
    for block in blocks:
        gathered.add(np.asarray(block, np.float32))
    if gathered.num_rows < 2:
        raise ValueError(
            f"Principal components need two rows or more. Received: {gathered.num_rows}"
        )
    mean, directions, variances = gathered.components(num_components, seed)
    if verbose and len(variances) < num_components:
        print(
            f"{len(variances)} components instead of {num_components}: "
            f"{gathered.num_rows} rows span no more."
        )
    return Components(mean.astype(np.float32), directions, variances)


def randomly_rotated(components: Components, seed: int = 0) -> Components:
    """Returns the same space of components in a random orthonormal basis.

    No distance and no dot product of projected rows changes, but all dimensions get nearly the same
    variance. A network that standardises each dimension would otherwise raise the last components,
    which are mostly noise, to the size of the first.

    Args:
        components: as `principal_components` returns them.
        seed: seed of the basis.

    Reference:
        Gong and Lazebnik, *Iterative Quantization*, CVPR 2011, section 2, and Jegou et al., CVPR
        2010, balance the variance after PCA by a random rotation as well.

    Examples:
        >>> found = Components(np.zeros(3, "f"), np.eye(3, 2, dtype="f"), np.array([4.0, 1.0]))
        >>> turned = randomly_rotated(found)
        >>> np.allclose(turned.directions @ turned.directions.T, np.diag([1, 1, 0]), atol=1e-6)
        True
    """
    size = components.directions.shape[1]
    rng = np.random.default_rng(seed)
    # The Q of a QR is uniform over all rotations once its signs are those of R's diagonal.
    basis, triangle = np.linalg.qr(rng.standard_normal((size, size), np.float32))
    basis *= np.sign(np.diag(triangle))
    return Components(
        components.mean, components.directions @ basis, components.variances @ basis**2
    )


class _Gathered:
    """The rows seen so far: themselves, or their covariance once they outnumber the dimensions."""

    def __init__(self):
        self.num_rows = 0
        self.rows: list[np.ndarray] = []
        self.products: np.ndarray | None = None

    def add(self, block: np.ndarray) -> None:
        if not len(block):
            return
        if not self.num_rows:
            self.origin = block.mean(axis=0)  # near the mean the products lose the fewest digits
            self.total = np.zeros(block.shape[1])
        block = block - self.origin
        self.total += block.sum(axis=0, dtype=np.float64)
        self.num_rows += len(block)
        self.rows.append(block)
        dim = block.shape[1]
        if self.products is None and self.num_rows > dim:
            self.products = np.zeros((dim, dim), np.float32)
        if self.products is not None:
            while self.rows:
                _add_products(self.products, self.rows.pop(0))

    def components(self, num_components: int, seed: int):
        shift = self.total / self.num_rows
        mean = self.origin + shift
        if self.products is not None:
            shift = shift.astype(np.float32)
            for start in range(0, len(shift), _BLOCK_ROWS):
                part = slice(start, start + _BLOCK_ROWS)
                self.products[part] -= self.num_rows * shift[part, None] * shift
            variances, directions = _decomposed(self.products, num_components, seed)
        else:
            rows = np.concatenate(self.rows)
            self.rows.clear()
            rows -= shift.astype(np.float32)
            products = np.zeros((len(rows), len(rows)), np.float32)
            _add_products(products, rows.T)
            variances, combinations = _decomposed(products, num_components, seed)
            directions = rows.T @ (combinations / np.sqrt(np.maximum(variances, 1e-30))).astype(
                np.float32
            )
        return mean, directions, variances / self.num_rows


def _add_products(products: np.ndarray, block: np.ndarray) -> None:
    """Adds blockᵀ · block, some rows at a time."""
    for start in range(0, len(products), _BLOCK_ROWS):
        part = slice(start, start + _BLOCK_ROWS)
        products[part] += block[:, part].T @ block


def _decomposed(
    products: np.ndarray, num_components: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The greatest eigenvalues, float64 and above rounding, and their vectors, float32."""
    size = len(products)
    wanted = min(num_components, size)
    if size <= _EXACT or 2 * wanted > size:
        values, vectors = np.linalg.eigh(products if size > _EXACT else products.astype(np.float64))
        values, vectors = values[::-1][:wanted], vectors[:, ::-1][:, :wanted]
    else:
        from sklearn.utils.extmath import randomized_svd

        # The matrix has no negative eigenvalues, so they are its singular values.
        vectors, values, _ = randomized_svd(
            products,
            wanted,
            n_oversamples=_OVERSAMPLING,
            n_iter=2,  # two products each
            power_iteration_normalizer="QR",
            random_state=seed,
        )
    values = values.astype(np.float64)
    # The products have the rounding of float32, and so do the smallest eigenvalues.
    kept = max(int((values > 1e-6 * values[0]).sum()), 1)
    return values[:kept], vectors[:, :kept].astype(np.float32)
