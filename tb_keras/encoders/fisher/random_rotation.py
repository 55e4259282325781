"""Principal components turned at random, so that no dimension has more variance than another."""

from __future__ import annotations

import numpy as np

from tb_keras.encoders.fisher.principal_components import Components


def randomly_rotated(components: Components, seed: int = 0) -> Components:
    """Returns the same space of components in a random orthonormal basis.

    No distance and no dot product of projected rows changes. But a network that standardises each
    dimension by its own deviation blows up the last principal components, which are mostly noise,
    to the size of the first: on the OpenMoji texts that cost two thirds of the rsum. Turned, all
    dimensions have nearly the same deviation.

    Args:
        components: as `principal_components` returns them.
        seed: of the basis.

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
