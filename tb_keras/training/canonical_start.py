"""Linear maps to start a training from: regularised canonical correlation analysis."""

from __future__ import annotations

import numpy as np

from tb_keras.corpus import Corpus
from tb_keras.evaluation.canonical_correlation import (
    Projection,
    canonical_directions,
    pair_covariances,
)


def canonical_start(
    train: Corpus, regularization: float, dim: int, verbose: bool = False
) -> tuple[Projection, Projection]:
    """Fits regularised CCA and returns its maps for both views, each of unit mean square.

    Each direction is scaled by its correlation, so that those count most along which the views
    agree; then a view is scaled as a whole, so that the mean of the squares of its projected
    training features is 1. The cosines of what comes out are those of `RegularizedCCABaseline` with
    power 1.

    Args:
        train: corpus with both features; memory maps are read block by block.
        regularization: share of a view's mean variance to add to its covariance, at least 0.
        dim: number of directions, at most: there are as many as the narrower view has dimensions.
        verbose: whether to show a bar of progress.

    Returns:
        The projection of the images and that of the texts, with equally many directions.

    Raises:
        ValueError: if features or matches are missing, no direction correlates, or a setting is out
            of range.

    Reference:
        Gong, Ke, Isard and Lazebnik, IJCV 106, 2014, for the scaling by (powers of) correlations.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> images = rng.standard_normal((50, 4))
    >>> corpus = Corpus(np.arange(50), image_features=images, text_features=images[:, :3])
    >>> image_projection, text_projection = canonical_start(corpus, 0.1, dim=8)
    >>> image_projection(images).shape
    (50, 3)
    >>> float(np.square(image_projection(images)).mean().round(3))
    1.0
    """
    covariances = pair_covariances(train, verbose)
    found = canonical_directions(covariances, regularization, dim)
    if not found.correlations.any():
        raise ValueError(
            "`train` must have images and texts that correlate along some direction. "
            f"Received: {train}"
        )
    views = (
        (covariances.image_mean, covariances.image_deviation, covariances.images, found.images),
        (covariances.text_mean, covariances.text_deviation, covariances.texts, found.texts),
    )
    image_projection, text_projection = (
        Projection(mean, deviation, _of_unit_mean_square(directions * found.correlations, spread))
        for mean, deviation, spread, directions in views
    )
    return image_projection, text_projection


def _of_unit_mean_square(directions: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    return directions / np.sqrt(np.mean(np.sum(directions * (covariance @ directions), axis=0)))
