"""Canonical correlation analysis, linear and by a kernel."""

from tb_keras.cca.canonical_correlation import CanonicalDirections, canonical_directions
from tb_keras.cca.canonical_projections import CanonicalProblem, CanonicalProjections
from tb_keras.cca.covariances import PairCovariances, pair_covariances
from tb_keras.cca.landmark_kernel import LandmarkKernel, landmark_kernels
from tb_keras.cca.projection import Projection

__all__ = [
    "CanonicalDirections",
    "CanonicalProblem",
    "CanonicalProjections",
    "LandmarkKernel",
    "PairCovariances",
    "Projection",
    "canonical_directions",
    "landmark_kernels",
    "pair_covariances",
]


def __dir__() -> list[str]:
    return __all__
