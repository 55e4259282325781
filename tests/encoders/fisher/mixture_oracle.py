"""Mixtures at random, and their densities by SciPy, one term at a time."""

import numpy as np
from scipy import stats

from tb_keras.encoders.fisher.gaussian_laplacian_mixture import GaussianLaplacianMixture


def random_mixture(seed=0, centers=3, dim=4, laplacian=None):
    rng = np.random.default_rng(seed)
    weights = rng.random(centers) + 0.2
    if laplacian is None:
        laplacian = rng.random((centers, dim)) < 0.5
    return GaussianLaplacianMixture(
        weights / weights.sum(),
        rng.standard_normal((centers, dim)),
        rng.random((centers, dim)) + 0.3,
        np.broadcast_to(laplacian, (centers, dim)),
    )


def by_scipy(mixture, x):
    """log w_k + Σ_d log p_kd(x_d) of one vector."""
    joint = np.log(mixture.weights)
    for k in range(mixture.num_centers):
        for d in range(mixture.dim):
            family = stats.laplace if mixture.laplacian[k, d] else stats.norm
            joint[k] += family.logpdf(x[d], mixture.locations[k, d], mixture.scales[k, d])
    return joint
